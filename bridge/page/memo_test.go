package page

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What many ask for at once is made once. It is good for a moment whatever has happened, but for who has decided. Who has heard of news
// gets them; nobody else waits for a new one while there is a fresh one.
func TestWhatManyAskForIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const age, takes = 2 * time.Second, shared / 2
		var m memo[int]
		made := 0
		ask := func(of moment) int {
			v, err := m.get(t.Context(), of, age, func() (int, error) {
				time.Sleep(takes)
				made++
				return made, nil
			})
			if err != nil {
				t.Error(err)
			}
			return v
		}
		want := func(what string, want int, of moment) {
			t.Helper()
			if got := ask(of); got != want {
				t.Errorf("%s gets number %d, not %d", what, got, want)
			}
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { want("one of many", 1, moment{}) })
		}
		all.Wait()
		want("who comes in the same moment, after news,", 1, moment{news: 1})
		time.Sleep(shared)
		want("who comes when nothing has happened", 1, moment{})
		want("who comes after news", 2, moment{news: 1})
		want("who has decided", 3, moment{1, 1})
		time.Sleep(age)
		all.Go(func() { want("the first after its time", 4, moment{1, 1}) })
		synctest.Wait()
		began := time.Now()
		want("who comes while it is made", 3, moment{1, 1})
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		want("who has heard of news while it is made", 4, moment{2, 1})
		want("who has decided while it is made", 5, moment{2, 2})
		all.Wait()
	})
}

func TestWhatCouldNotBeMadeIsKeptByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[int]
		trouble := errors.New("trouble")
		slow := func() (int, error) {
			time.Sleep(time.Second)
			return 0, trouble
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := m.get(t.Context(), moment{}, time.Minute, slow); !errors.Is(err, trouble) {
				t.Error(err)
			}
		})
		synctest.Wait()
		gone, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := m.get(gone, moment{}, time.Minute, slow); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who has gone waits: %v", err)
		}
		all.Wait()
		if v, err := m.get(t.Context(), moment{}, time.Minute, func() (int, error) { return 7, nil }); v != 7 || err != nil {
			t.Errorf("it is %d, %v", v, err)
		}
	})
}
