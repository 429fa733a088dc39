package orotest

import (
	"context"
	"sync"
)

// queue is the shop's only message queue: batches, their chunks, and webhooks wait in it for each other.
type queue struct {
	mu        sync.Mutex
	changed   *sync.Cond
	urgent    []func(context.Context) // of synchronous batches
	waiting   []func(context.Context)
	consumers int
	busy      int
	started   bool
	stalled   bool
	closed    bool
	ctx       context.Context
	cancel    context.CancelFunc
	running   sync.WaitGroup
}

func newQueue(consumers int) *queue {
	q := &queue{consumers: consumers}
	q.changed = sync.NewCond(&q.mu)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// push adds a message and starts the consumers with the first one. After close it is dropped.
func (q *queue) push(urgent bool, run func(context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if urgent {
		q.urgent = append(q.urgent, run)
	} else {
		q.waiting = append(q.waiting, run)
	}
	if !q.started {
		q.started = true
		for range q.consumers {
			q.running.Go(q.consume)
		}
	}
	q.changed.Broadcast()
}

func (q *queue) consume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for !q.closed && (q.stalled || q.empty()) {
			q.changed.Wait()
		}
		if q.closed {
			return
		}
		q.work()
	}
}

func (q *queue) empty() bool { return len(q.urgent)+len(q.waiting) == 0 }

// work runs the first message. The lock is held before and after.
func (q *queue) work() {
	from := &q.urgent
	if len(*from) == 0 {
		from = &q.waiting
	}
	run := (*from)[0]
	(*from)[0] = nil
	*from = (*from)[1:]
	q.busy++
	q.mu.Unlock()
	run(q.ctx)
	q.mu.Lock()
	q.busy--
	q.changed.Broadcast()
}

func (q *queue) stall(stalled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stalled = stalled
	q.changed.Broadcast()
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Broadcast()
	q.mu.Unlock()
	q.cancel()
	q.running.Wait()
}

// StallQueue stops the consumers after the message they are at. Requests go on.
func (s *Shop) StallQueue() { s.queue.stall(true) }

// ResumeQueue lets the consumers go on.
func (s *Shop) ResumeQueue() { s.queue.stall(false) }

// StepQueue works off one message of the queue, also of a stalled one, and reports whether there was any.
// A batch is one message that marks it as running, one that splits it, one for each chunk, and one that ends it.
func (s *Shop) StepQueue() bool {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.empty() {
		return false
	}
	q.work()
	return true
}

// DrainQueue waits until the queue is empty and its consumers are idle. It must not be stalled.
func (s *Shop) DrainQueue() {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && (!q.empty() || q.busy > 0) {
		q.changed.Wait()
	}
}
