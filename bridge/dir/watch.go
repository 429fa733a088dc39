package dir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fsnotify/fsnotify"

	"github.com/orobridge/orobridge/bridge"
)

// Watch wakes once when the watch stands, then whenever something happens in the folder; many events in a row make one
// wake. An overflow of the system's queue wakes, too. nil, nil when the system has no watches left. The channel is never
// closed. A folder that is removed wakes a last time; polling finds the new one.
func (r *Remote) Watch(ctx context.Context, folder string) (<-chan struct{}, error) {
	var watcher *fsnotify.Watcher
	err := r.do(ctx, "watch", folder, func(root *os.Root, elements []string) error {
		at, err := enter(root, elements)
		if err != nil {
			return err
		}
		defer at.Close()
		if watcher, err = fsnotify.NewWatcher(); err != nil {
			return err
		}
		if err = watcher.Add(filepath.Join(append([]string{r.path}, elements...)...)); err != nil {
			_ = watcher.Close()
		}
		return err
	})
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	wake := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		_ = watcher.Close()
		return nil, &bridge.Error{Op: "watch", Object: bridge.FileObject(r.name, folder), Fate: bridge.Stop, Err: os.ErrClosed}
	}
	r.work.Go(func() { r.forward(ctx, watcher, wake) })
	return wake, nil
}

// forward events as wakes until ctx or the remote ends.
func (r *Remote) forward(ctx context.Context, watcher *fsnotify.Watcher, wake chan<- struct{}) {
	defer watcher.Close()
	for {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
		select {
		case <-ctx.Done():
			return
		case <-r.life.Done():
			return
		case <-watcher.Events:
		case <-watcher.Errors: // an overflow, or a watch that broke: look
		}
	}
}
