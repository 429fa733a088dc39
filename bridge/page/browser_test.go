package page_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	orobridge "github.com/orobridge/orobridge/bridge/page"
	"github.com/orobridge/orobridge/bridge/password"
	"github.com/orobridge/orobridge/bridge/web"
)

// secret is everybody's password.
const secret = "correct horse battery staple"

// browser is a Chromium before a site that is served as the program serves it.
type browser struct {
	*site
	url string
	ctx context.Context
}

// chromium finds Debian's browser. Where it is missing, a test that needs it says so loudly; scripts/test installs it.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getuid() == 0 || os.Getenv("CI") != "" {
		t.Fatal("chromium is not installed: apt-get install chromium")
	}
	t.Skip("SKIPPED, THE PAGE IS NOT TRIED IN A BROWSER: chromium is not installed (apt-get install chromium)")
	return ""
}

// open serves a site with the log-in before it and starts a browser.
func open(t testing.TB, s *site) *browser {
	t.Helper()
	path := chromium(t)
	hash, err := password.Hash(secret)
	s.Must(err)
	var users []*config.User
	for _, c := range []*admit.Caller{viewer, operator, admins} {
		users = append(users, &config.User{Name: c.Name, Role: c.Role.String(), PasswordHash: bridge.Secret(hash)})
	}
	log := slog.New(slog.DiscardHandler)
	gate := admit.New(admit.Options{Users: users, Ledger: s.Ledger, Log: log, Form: orobridge.Login})
	mux := http.NewServeMux()
	gate.Routes(mux)
	mux.Handle("GET "+orobridge.StaticPath, orobridge.Static())
	mux.Handle("/", gate.Require(admit.Viewer, s.routes))
	listener, err := web.ListenSite(t.Context(), "127.0.0.1:0")
	s.Must(err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- (&web.Site{Handler: mux, Log: log, Uploads: []string{orobridge.UploadPath}}).Serve(ctx, listener)
	}()

	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 900), chromedp.Flag("lang", "en"))
	allocated, release := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(allocated)
	limited, cancel := context.WithTimeout(tab, 3*time.Minute)
	s.Must(chromedp.Do(tab)) // starts it
	t.Cleanup(func() {
		cancel()
		closeTab()
		release()
		s.Must(s.page.Close()) // sends watchers away
		stop()
		s.Must(<-served)
	})
	return &browser{s, "http://" + listener.Addr().String(), limited}
}

// does carries out what a person does.
func (b *browser) does(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("%v; the page says %q", err, b.text())
	}
}

// text is all that the page says.
func (b *browser) text() string {
	text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	return text
}

// css is how elements are named.
type css = chromedp.CSS

// goes to a path.
func (b *browser) goes(path string) {
	b.t.Helper()
	b.does(chromedp.Navigate(b.url + path))
}

// sees waits until the page says something. It may be on its way to another one meanwhile.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		for deadline := time.Now().Add(time.Minute); ; {
			found, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf("!!document.body && document.body.innerText.includes(%q)", text)))
			if err == nil && found {
				break
			}
			if b.ctx.Err() != nil || time.Now().After(deadline) {
				b.t.Fatalf("%q is not seen (%v) but %q", text, err, b.text())
			}
			_ = chromedp.Do(b.ctx, chromedp.Sleep(30*time.Millisecond)) // between two looks
		}
	}
}

// logs in as somebody, at the page that asks for it.
func (b *browser) logs(who *admit.Caller) {
	b.t.Helper()
	b.does(chromedp.SendKeys(css("#name"), who.Name), chromedp.SendKeys(css("#password"), secret+kb.Enter), chromedp.WaitVisible(css(`footer form`)))
}

// scheme has the reader prefer light or dark colours.
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.does(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia,
			emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return chromedp.Void{}, err
	})
}

// prints has pages look as they do on paper, of A4's width.
func (b *browser) prints(on bool) {
	b.t.Helper()
	media, width := "", int64(1280)
	if on {
		media, width = "print", 718
	}
	b.does(chromedp.EmulateViewport(width, 900), func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media})
		return chromedp.Void{}, err
	})
}

// value is what an expression says in the page.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v; the page says %q", expression, err, b.text())
	}
	return v
}

// A day of an operator, in a real browser: what is seen, what is decided, and that the shop has it then.
func TestADayInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	b := open(t, newSite(t, busy(t)))
	held, _ := b.Last("prices")
	path := "/drops/" + number(held.ID)

	b.goes(path) // a link that somebody has shared: first the log-in, then the drop
	b.sees("Log in")
	b.does(chromedp.SendKeys(css("#name"), "olga"), chromedp.SendKeys(css("#password"), "wrong"+kb.Enter))
	b.sees("Name or password is wrong.")
	b.logs(operator)
	b.sees("prices_2.csv", "What it would do", "SKU3")
	b.does(chromedp.Click(css("a.button.approve")), chromedp.WaitVisible(css("#why")), chromedp.SendKeys(css("#why"), "agreed with sales"),
		chromedp.Click(css("button.approve")))
	b.sees("Approved. The drop goes on.")
	b.Round() // the bridge that is at work; the page hears of it
	b.sees("loaded")
	if got := b.PriceOf("SKU1"); got != "10" {
		t.Errorf("the price is %q", got)
	}

	b.goes("/")
	b.sees("One thing needs somebody")
	b.does(chromedp.Click(css(`#alerts a[href^="/rejects"]`)))
	b.sees(`is not in values`)
	b.Drop("products", "products_2.csv", "sku,name,unit\nSKU4,Bend,ST\n")
	b.Round()
	b.sees("No rejects.") // by itself
	b.goes("/")
	b.sees("All is well")

	b.goes("/orders/A-1002")
	b.does(chromedp.Click(css("a.button.send")), chromedp.WaitVisible(css("#why")), chromedp.SendKeys(css("#why"), "the ERP lost it"), chromedp.Click(css("button.send")))
	b.sees("The same file is written again.")

	b.goes("/")
	if !value[bool](b, `document.dispatchEvent(new KeyboardEvent("keydown", { key: "/" })), document.activeElement.name === "q"`) {
		t.Error("a slash does not lead to the search")
	}
	b.does(chromedp.SendKeys(css(".find input"), "SKU1"+kb.Enter))
	b.sees("What it holds now", "Retail|SKU1")
	if errs := value[int](b, `performance.getEntriesByType("resource").filter(r => !r.name.startsWith(location.origin)).length`); errs != 0 {
		t.Errorf("%d things were asked for elsewhere", errs)
	}
	b.rules()

	b.does(chromedp.Submit(css(`form[action="/logout"]`)))
	b.sees("Log in")
	b.logs(viewer)
	b.goes(path)
	b.sees("prices_2.csv")
	if n := value[int](b, `document.querySelectorAll("a.button").length`); n != 0 {
		t.Errorf("a viewer has %d decisions", n)
	}
	b.goes(path + "/rerun")
	b.sees("Your role does not allow this.")
}

// With the keyboard alone, in the dark, on a phone and without script the same can be done, on every page there is.
func TestOtherWaysToReadAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	w := busy(t)
	long := strings.Repeat("x", 200)
	w.Drop("products", long+".csv", "sku,name,unit\n"+long+","+long+",ST\n"+long+"2,"+long+","+long+"\nSKU1,Pipe,ST\n")
	w.Drop("inventory", long+"2.csv", "sku,unit,quantity\n"+long+"3,item,7\n")
	w.Round()
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{{Alarm: bridge.AlarmMissing, Of: "feed prices", N: 1,
		Text: long, Begun: w.Clock.Now(), Raised: w.Clock.Now()}}}))
	b := open(t, newSite(t, w))
	held, _ := b.Last("prices")
	path := "/drops/" + number(held.ID)
	b.goes("/")
	b.everyWay()
	b.logs(admins)
	for _, page := range b.documents() {
		b.goes(page)
		b.everyWay()
	}

	// The first key leads past the head, and all that can be done has a visible place on the way.
	b.goes(path + "/approve")
	b.does(chromedp.KeyEvent(kb.Tab))
	if got := value[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop is %q", got)
	}
	for range 60 {
		b.does(chromedp.KeyEvent(kb.Tab))
		if value[string](b, `document.activeElement.id`) == "why" {
			break
		}
	}
	if width := value[string](b, `getComputedStyle(document.activeElement).outlineWidth`); width != "3px" {
		t.Errorf("where one is can't be seen: %s", width)
	}
	b.does(chromedp.KeyEvent("agreed"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.sees("Approved. The drop goes on.")
	b.Round()
	b.goes(path)
	b.everyWay()

	b.does(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	b.goes("/orders/A-1001")
	b.does(chromedp.Click(css("a.button.send")), chromedp.WaitVisible(css("#why")), chromedp.SendKeys(css("#why"), "no script here"), chromedp.Click(css("button.send")),
		chromedp.WaitVisible(css(".flash")))
	text := b.text()
	if !strings.Contains(text, "The same file is written again.") || !strings.Contains(text, "UTC") {
		t.Errorf("it says %q", text)
	}
}

// documents are one page of each route that has any, and what is shown of what there is not.
func (b *browser) documents() []string {
	seen := map[string]bool{}
	products, _ := b.Last("products")
	long := strings.Repeat("x", 200)
	pages := []string{"/search?q=" + long, "/search?q=no" + long[:190], "/rejects?state=all", "/drops/" + number(products.ID), "/drops/999", "/orders/A-1001/render", "/feeds/inventory"}
	for _, r := range b.requests() {
		if r.method != http.MethodGet || seen[r.pattern] {
			continue
		}
		seen[r.pattern] = true
		if kind := b.sends(admins, r).Header().Get("Content-Type"); strings.HasPrefix(kind, "text/html") {
			pages = append(pages, r.path)
		}
	}
	return pages
}

// everyWay checks a page on a phone and a tablet, by day and by night.
func (b *browser) everyWay() {
	b.t.Helper()
	for _, width := range []int64{375, 910} {
		b.does(chromedp.EmulateViewport(width, 800))
		if over := value[int64](b, `document.documentElement.scrollWidth`) - width; over > 0 {
			b.t.Errorf("%s is %d pixels too wide for a screen of %d", value[string](b, "location.pathname"), over, width)
		}
	}
	b.does(chromedp.EmulateViewport(1280, 900))
	for _, colours := range []string{"dark", "light"} {
		b.scheme(colours)
		b.rules()
	}
}

// rules checks a page by the rules of WCAG 2.2 that can be checked without eyes: contrast of 4.5 (3 for large text), a name for each thing
// that can be used, a language, one first heading, no id twice, and a label for each field.
func (b *browser) rules() {
	b.t.Helper()
	for _, problem := range value[[]string](b, accessible) {
		b.t.Errorf("%s: %s", value[string](b, "location.pathname"), problem)
	}
}

const accessible = `(() => {
  const found = [];
  const say = (e, what) => found.push(what + ": <" + e.tagName.toLowerCase() + (e.className && e.className.baseVal === undefined ? "." + e.className : "") + "> " + (e.textContent || "").trim().slice(0, 40));
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1 }; };
  const light = (c) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a > 0.99) return c; } return { r: 255, g: 255, b: 255 }; };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || done.has(e) || e.closest("title,option,script,details:not([open]) > :not(summary)")) continue;
    done.add(e);
    const s = getComputedStyle(e), box = e.getBoundingClientRect();
    if (s.visibility !== "visible" || s.display === "none" || box.width === 0 || box.right < 0) continue;
    const ink = parse(e.closest("svg") ? s.fill : s.color), paper = ground(e);
    const a = light(ink), c = light(paper), contrast = (Math.max(a, c) + 0.05) / (Math.min(a, c) + 0.05);
    const large = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.66 && Number(s.fontWeight) >= 700;
    if (contrast < (large ? 3 : 4.5)) say(e, "contrast of " + contrast.toFixed(2));
  }
  const named = (e) => (e.textContent || "").trim() || e.getAttribute("aria-label") || e.title || (e.querySelector && e.querySelector("title"));
  for (const e of document.querySelectorAll("a[href], button, summary")) if (!named(e)) say(e, "no name");
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (!(e.labels && e.labels.length) && !e.getAttribute("aria-label")) say(e, "no label");
  for (const e of document.querySelectorAll("svg")) if (!e.hasAttribute("aria-hidden") && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))) say(e, "a picture without a word");
  for (const e of document.querySelectorAll("th")) if (!e.textContent.trim()) say(e, "a head without a word");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push("twice the id " + id);
  if (document.querySelectorAll("h1").length !== 1) found.push(document.querySelectorAll("h1").length + " first headings");
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  for (const e of document.querySelectorAll("[style], [onclick]")) say(e, "what the policy refuses");
  return [...new Set(found)];
})()`

// decides takes the decision whose button the page shows, with a reason.
func (b *browser) decides(what string) {
	b.t.Helper()
	b.does(chromedp.Click(css("a.button."+what)), chromedp.WaitVisible(css("#why")), chromedp.SendKeys(css("#why"), "agreed with sales"),
		chromedp.Click(css("button."+what)))
}

// Two people approve what a guard stopped; one of them sends a file's rows again, undoes another file, and hands in what mends a reject.
func TestTwoPeopleDecideInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	b := open(t, newSite(t, busyWith(t, strings.Replace(feeds, "name: prices,", "name: prices, approve_by: 2,", 1))))
	held, _ := b.Last("prices")
	path := "/drops/" + number(held.ID)
	b.goes(path + "/approve")
	b.logs(operator)
	b.sees("2 people have to approve it.")
	b.goes(path)
	b.decides("approve")
	b.sees("Somebody else has to approve it, too.")
	b.Round()
	b.goes(path + "/approve")
	b.sees("These have: olga")
	b.does(chromedp.SendKeys(css("#why"), "once more"), chromedp.Click(css("button.approve")))
	b.sees("olga has approved it already") // the same person counts once
	b.Round()
	if d, _ := b.Last("prices"); d.State != bridge.Held {
		t.Fatalf("one person alone has approved it: it is %s", d.State)
	}
	b.does(chromedp.Submit(css(`form[action="/logout"]`)))
	b.sees("Log in")
	b.logs(admins)
	b.goes(path)
	b.decides("approve")
	b.sees("Approved. The drop goes on.")
	b.Round()
	if got := b.PriceOf("SKU1"); got != "10" {
		t.Errorf("the price is %q", got)
	}

	stock, _ := b.Last("inventory")
	b.goes("/drops/" + number(stock.ID))
	b.decides("force")
	b.sees("All rows are sent again.")
	b.Round()
	runs, err := b.Ledger.Runs(t.Context(), stock.ID)
	b.Must(err)
	if n := len(runs); n != 2 || runs[1].Counts.Updated != 1 {
		t.Errorf("there are %d runs, the last with %+v", n, runs[n-1].Counts)
	}

	b.goes(path)
	b.decides("undo")
	b.sees("A drop that takes the way back was made.")
	if way, _ := b.Last("prices"); way.ID == held.ID {
		t.Error("no drop takes the way back")
	}

	mended := filepath.Join(t.TempDir(), "products_mended.csv")
	b.Must(os.WriteFile(mended, []byte("sku,name,unit\nSKU4,Bend,ST\n"), 0o600))
	b.goes("/rejects")
	b.sees(`"PAL" is not in values`)
	b.goes("/feeds/products")
	b.does(chromedp.Click(css("a.button.upload")), chromedp.WaitVisible(css("#file")), chromedp.SetUploadFiles(css("#file"), []string{mended}),
		chromedp.Click(css(".decision button")), chromedp.WaitVisible(css("#why")))
	b.sees("SKU4", "create")
	b.does(chromedp.SendKeys(css("#why"), "corrected by hand"), chromedp.Click(css(".decision button")))
	b.sees("The file was handed in.")
	b.Round()
	b.goes("/rejects")
	b.sees("No rejects.")
}

// gallery is a world that has been at work for weeks, for pictures: it ends on a morning on which something needs somebody.
func gallery(t *testing.T) *bridgetest.World {
	t.Helper()
	w := bridgetest.NewWorld(t, feeds, orotest.Seed(orotest.Sample))
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("VALVE-%03d", 100+i))
	}
	w.Stock(names...)
	list := func(head string, line func(i int, sku string) string) string {
		var text strings.Builder
		text.WriteString(head)
		for i, sku := range names {
			text.WriteString(line(i, sku))
		}
		return text.String()
	}
	for day := range 26 {
		stamp := w.Clock.Now().UTC().Format("20060102")
		if day%7 == 0 {
			w.Drop("customers", "customers_"+stamp+".csv", fmt.Sprintf("customer_number,name\nC-%d,Öztürk & Söhne GmbH\nC-%d,Nováková s.r.o.\n", 100+day, 200+day))
			w.Drop("products", "products_"+stamp+".csv", list("sku,name,unit\n", func(i int, sku string) string {
				unit := "ST"
				if day == 21 && i%20 == 7 {
					unit = "PAL"
				}
				name := fmt.Sprintf("Ball valve DN %d (%d)", 10+i, day)
				if day == 21 && i == 30 {
					name = ""
				}
				return fmt.Sprintf("%s,%s,%s\n", sku, name, unit)
			}))
		}
		w.Drop("prices", "prices_"+stamp+".csv", bridgetest.PriceHead+list("", func(i int, sku string) string {
			if day == 25 && i >= 58 {
				return ""
			}
			price := 100 + i + (day*7+i)%9
			if day == 25 && i < 2 {
				price = 11
			}
			return bridgetest.Price(sku, fmt.Sprint(price))
		}))
		w.Drop("inventory", "stock_"+stamp+".csv", list("sku,unit,quantity\n", func(i int, sku string) string {
			if day == 25 && i%25 == 9 {
				return fmt.Sprintf("%s,item,1.2.%d\n", sku, i)
			}
			return fmt.Sprintf("%s,item,%d\n", sku, (i*13+day*i)%400)
		})+map[bool]string{true: "VALVE-999,item,7\n"}[day == 25])
		w.Submit(fmt.Sprintf("B2B-%d", 2040+day))
		w.Round()
		if day < 25 {
			for _, name := range w.There() {
				w.Take(name)
			}
			w.Must(w.Clock.Wait(t.Context(), 25*time.Minute))
			w.Round()
			w.Must(w.Clock.Wait(t.Context(), 24*time.Hour-25*time.Minute))
		}
	}
	late := w.Clock.Now().Add(-30 * time.Minute)
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{{Alarm: bridge.AlarmMissing, Of: "feed customers", N: 1,
		Text: "nothing came by 06:30", Begun: late, Raised: late}}}))
	return w
}

// fewColours draws a picture in the 256 colours that it has most of, which makes it half as large.
func fewColours(drawn image.Image) image.Image {
	count := map[color.Color]int{}
	bounds := drawn.Bounds()
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			count[drawn.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		return cmp.Or(count[b]-count[a], strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	out, nearest := image.NewPaletted(bounds, all[:min(len(all), 256)]), map[color.Color]uint8{}
	for _, c := range all {
		nearest[c] = uint8(out.Palette.Index(c))
	}
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			out.SetColorIndex(x, y, nearest[drawn.At(x, y)])
		}
	}
	return out
}

// TestScreenshots makes the pictures of the help and the README: scripts/screenshots runs it.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("OROBRIDGE_SCREENSHOTS")
	if folder == "" {
		t.Skip("scripts/screenshots makes them")
	}
	b := open(t, newSite(t, gallery(t)))
	held, _ := b.Last("prices")
	path := "/drops/" + number(held.ID)
	b.does(chromedp.EmulateViewport(1160, 720))
	b.goes("/")
	shoot := func(name string) {
		picture, err := chromedp.Run(b.ctx, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
			shot, err := cdp.Call(ctx, tab, page.CaptureScreenshot, page.CaptureScreenshotParams{})
			return shot.Data, err
		})
		b.Must(err)
		drawn, err := png.Decode(bytes.NewReader(picture))
		b.Must(err)
		var packed bytes.Buffer
		b.Must((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, fewColours(drawn)))
		b.Must(os.WriteFile(filepath.Join(folder, name+".png"), packed.Bytes(), 0o644))
		if packed.Len() > 100<<10 {
			t.Errorf("%s has %d bytes", name, packed.Len())
		}
	}
	shoot("login")
	b.logs(operator)
	for name, at := range map[string]string{"today": "/", "drops": "/drops", "held": path, "approve": path + "/approve", "rejects": "/rejects",
		"orders": "/orders", "alarms": "/alarms", "order": "/orders/B2B-2060", "search": "/search?q=VALVE-101", "feeds": "/feeds", "feed": "/feeds/prices", "figures": "/figures",
		"pause": "/feeds/prices/pause", "upload": "/feeds/prices/upload", "trouble": "/drops/999"} {
		b.goes(at)
		shoot(name)
	}
	b.scheme("dark")
	b.goes("/")
	shoot("today-dark")
	b.goes(path)
	shoot("held-dark")
	b.scheme("light")
	b.prints(true)
	for name, at := range map[string]string{"today-print": "/", "held-print": path, "drops-print": "/drops"} {
		b.goes(at)
		shoot(name)
	}
	b.prints(false)
	b.does(chromedp.EmulateViewport(375, 740, chromedp.EmulateMobile))
	b.goes("/")
	shoot("today-phone")
	b.goes(path)
	shoot("held-phone")
}
