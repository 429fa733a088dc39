// Package orotest is a shop in a box: an in-process HTTP server that answers as a stock OroCommerce
// 6.1.11 answers in its back-office JSON:API. It is for tests, demos, benchmarks, and rehearsals of a cut-over.
//
//	shop := orotest.New(orotest.Seed(orotest.Sample))
//	if err := shop.Start("127.0.0.1:0"); err != nil { … }
//	defer shop.Close()
//
// The box is faithful where it hurts: the token endpoint, error documents, look-ups, creation with
// included records, the batch API with its queue, ext_id mode and webhooks behave as the exchanges in
// testdata/recordings show, traps included. One engine serves all resources; what a resource is stands
// as data in the table of describe.
//
// Its limits: relations are read, but not written through their own addresses; a resource that no recording
// or feed needs exists as ids only; taxes are zero; there are no prices other than those of price lists, no
// storefront and no back-office pages. What a list is sorted by when nothing is asked is the order of creation
// where Oro sorts by random ids.
//
// A Shop may be used by any number of goroutines.
package orotest
