// Package page is the operator's window: what the bridge has done, does and waits for, in a browser, and the decisions about it.
//
// Contract. It shows the read models of bridge/operate and takes its decisions; nothing is worked out twice, and what has a name in
// `--json` has it here. Every page works without script: a decision is a form that is sent by POST, after a page that says what it would
// do and asks for the reason. Script only makes pages live, by server-sent events, and tells times in the reader's zone. Whoever sends a
// request has been let in by bridge/admit: a viewer's decision is 403, and what is a person's is shown to operators alone, each look
// entered in the journal. What comes from outside is made printable and escaped; pages get by with a content security policy that
// allows nothing but the page's own files, which are in the program.
//
// Limits: lists have pageRows rows and go on by key; a decision's plan shows its heaviest changes (see [operate.Desk.PlanDrop]), and two
// plans are made at a time; causes are told of the newest causeRows rejects; maxWatchers browsers are kept up to date at once; a file that
// is handed in is at most maxUpload bytes. Texts of the journal, of rejects and of hints are English in every language.
//
//   - page.go, view.go, words.go, german.go: requests, how a page is made, and its language
//   - today.go, drops.go, drop.go, rejects.go, orders.go, search.go, feeds.go, figures.go, help.go: what is seen
//   - decide.go, plans.go, upload.go: what is decided, and what that would do
//   - live.go: news for whoever watches
package page
