// Package orotest is a shop in a box: an in-process HTTP server that answers as a stock OroCommerce
// 6.1.11 or 7.0.4 answers in its back-office JSON:API. It is for tests, demos, benchmarks, and rehearsals of a cut-over.
//
//	shop := orotest.New(orotest.Seed(orotest.Sample))
//	if err := shop.Start("127.0.0.1:0"); err != nil { … }
//	defer shop.Close()
//
// The box is faithful where it hurts. What it answers is held against some 1,600 exchanges with real shops, in testdata:
// valid and invalid writes of every entity, filters, relations, batches with their queue, permissions, ext_id mode and
// webhooks, traps included. One engine serves all resources; what a resource is stands as data in a file of its own,
// entity_….go: fields with their forms, rules, filters and what deleting them does. A new resource is a new file.
//
// [Version] chooses the release; [Shop.Trouble] gives it a bad day; the page /box does so by hand.
//
// Its limits: taxes are zero; there are no prices other than those of price lists, no storefront and no back-office pages.
// Records that a product needs by the dozen (texts of languages that nobody sent) are known by their ids alone. HTML and
// expressions are checked for a few mistakes only. Where Oro leaves the order of a list to its database, the box goes by
// the order of creation.
//
// A Shop may be used by any number of goroutines.
package orotest
