package password

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestFailedLoginsSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th, stranger := NewThrottle(), addr("192.0.2.7")
		want := []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 16, 16, 16}
		for n, w := range want {
			if got := th.Wait(stranger, "sap"); got != w*time.Second {
				t.Errorf("after %d failures: %v, want %v s", n, got, w)
			}
			if shut := th.Shut(stranger); (shut > 0) != (n >= shutFailures) {
				t.Errorf("after %d failures: shut for %v", n, shut)
			}
			th.Failed(stranger, "sap")
		}
		if got := th.Shut(stranger); got != 2*time.Second {
			t.Errorf("shut for %v", got)
		}
		time.Sleep(2 * time.Second)
		if th.Shut(stranger) != 0 {
			t.Error("still shut")
		}
		for range 30 {
			th.Failed(stranger, "sap")
		}
		if got := th.Shut(stranger); got != longestShut {
			t.Errorf("shut for %v at most", got)
		}
		time.Sleep(forgetFailure + time.Second)
		if th.Wait(stranger, "sap") != 0 || th.Shut(stranger) != 0 {
			t.Error("an hour later it is not forgotten")
		}
	})
}

func TestAnAccountUnderAttackStaysOpenForItsOwnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th, sap, net := NewThrottle(), addr("10.1.2.3"), "203.0.113."
		th.Succeeded(sap, "sap")
		for i := range 100 {
			th.Failed(addr(fmt.Sprint(net, i)), "sap") // each from an address of its own
		}
		if got := th.Wait(addr("203.0.113.200"), "sap"); got != longestWait {
			t.Errorf("a new address waits %v", got)
		}
		if got := th.Wait(sap, "sap"); got != 0 {
			t.Errorf("the partner waits %v", got)
		}
		if got := th.Wait(addr("203.0.113.200"), "wms"); got != 0 {
			t.Errorf("another account waits %v", got)
		}
		for range 4 {
			th.Failed(sap, "sap") // its own failures count
		}
		if got := th.Wait(sap, "sap"); got != 2*time.Second {
			t.Errorf("after four of its own it waits %v", got)
		}
		th.Succeeded(sap, "sap")
		if got := th.Wait(sap, "sap"); got != 0 {
			t.Errorf("after a success it waits %v", got)
		}
	})
}

func TestOneCustomersNetworkIsOneAddress(t *testing.T) {
	th := NewThrottle()
	for i := range 5 {
		th.Failed(addr(fmt.Sprintf("2001:db8:1:2::%d", i)), "")
	}
	if th.Wait(addr("2001:db8:1:2:ffff::1"), "x") == 0 || th.Wait(addr("2001:db8:1:3::1"), "x") != 0 {
		t.Error("of IPv6 64 bits count")
	}
	for range 5 {
		th.Failed(addr("::ffff:192.0.2.1"), "")
	}
	if th.Wait(addr("192.0.2.1"), "x") == 0 {
		t.Error("IPv4 inside IPv6 is IPv4")
	}
}

func TestStrangersCostNoMemory(t *testing.T) {
	th := NewThrottle()
	for i := range 5 * maxRemembered {
		a := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		th.Failed(a, fmt.Sprint("user", i))
	}
	if len(th.addresses) > maxRemembered || len(th.accounts) > maxRemembered {
		t.Errorf("%d addresses, %d accounts", len(th.addresses), len(th.accounts))
	}
}
