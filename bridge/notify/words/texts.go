package words

import "github.com/orobridge/orobridge/bridge"

// titles name what is wrong.
var titles = map[bridge.Alarm]string{
	bridge.AlarmHeld:       "files wait for an approval",
	bridge.AlarmRejected:   "files could not be loaded",
	bridge.AlarmPartial:    "rows were rejected",
	bridge.AlarmBlocked:    "files wait and are not loaded",
	bridge.AlarmMissing:    "a file did not come",
	bridge.AlarmPaused:     "work waits for trouble to pass",
	bridge.AlarmQueue:      "the shop's queue stands still",
	bridge.AlarmClock:      "clocks differ",
	bridge.AlarmExpires:    "a certificate or key ends",
	bridge.AlarmDisk:       "the disk is nearly full",
	bridge.AlarmMemory:     "memory is short",
	bridge.AlarmGone:       "the bridge was not at work",
	bridge.AlarmRoute:      "messages do not arrive",
	bridge.AlarmSubscriber: "another system does not hear of events",
	bridge.AlarmOverdue:    "order files are not picked up",
	bridge.AlarmChanged:    "an order file was changed",
	bridge.AlarmReturned:   "an order file came back",
	bridge.AlarmUnseen:     "an order file vanished at once",
	bridge.AlarmConflict:   "another file is in the way of an order",
	bridge.AlarmStuck:      "an order can't be written",
	bridge.AlarmUnanswered: "the ERP has not answered orders",
	bridge.AlarmRefused:    "the ERP refused an order",
	bridge.AlarmReused:     "an order has the id of another one",
	bridge.AlarmSums:       "the sums of an order do not add up",
	bridge.AlarmUntold:     "the shop does not tell an order in full",
	bridge.AlarmRestored:   "the shop went back in time",
	bridge.AlarmDrifted:    "the shop has not what it was given",
	bridge.AlarmUnknown:    "nobody knows whether orders went out",
	bridge.AlarmOutOfOrder: "a file came out of order",
	bridge.AlarmUnfinished: "a file was taken before it was finished",
}

// meanings say what it means for the shop.
var meanings = map[bridge.Alarm]string{
	bridge.AlarmHeld: "Nothing of these files is in the shop before somebody approves them; later files of the feed may wait behind " +
		"them.",
	bridge.AlarmRejected: "The shop keeps what it had: what these files say is not in it.",
	bridge.AlarmPartial:  "These rows are not in the shop; all others of the file are.",
	bridge.AlarmBlocked:  "The shop keeps what it had until these files can be loaded.",
	bridge.AlarmMissing:  "The shop shows what the last file said.",
	bridge.AlarmPaused:   "Nothing is lost; what needs this end stands still until the trouble has passed.",
	bridge.AlarmQueue: "What was sent is not in the shop yet, and the shop may not do other work of its queue either, such as sending " +
		"mail.",
	bridge.AlarmClock:      "Orders may be noticed late, and tokens and certificates may be refused.",
	bridge.AlarmExpires:    "After that the bridge can't reach this end, or can't read its files.",
	bridge.AlarmDisk:       "Once the disk is full nothing is loaded and no order is written.",
	bridge.AlarmMemory:     "The system may end the bridge; it goes on where it stopped.",
	bridge.AlarmGone:       "Meanwhile no file was loaded and no order was written.",
	bridge.AlarmRoute:      "People who are told by this route do not hear of alarms.",
	bridge.AlarmSubscriber: "This system does not know what has happened in the bridge.",
	bridge.AlarmOverdue:    "The ERP does not know these orders.",
	bridge.AlarmChanged:    "The ERP may have read something else than what the shop said.",
	bridge.AlarmReturned:   "The ERP may take the order twice.",
	bridge.AlarmUnseen:     "The ERP may not have the order.",
	bridge.AlarmConflict:   "The ERP does not get this order.",
	bridge.AlarmStuck:      "The ERP does not get this order.",
	bridge.AlarmUnanswered: "Nobody knows whether these orders will be delivered.",
	bridge.AlarmRefused:    "The order will not be delivered as it is.",
	bridge.AlarmReused:     "The ERP may take it for the other order.",
	bridge.AlarmSums:       "The ERP may calculate another total than the customer has seen.",
	bridge.AlarmUntold:     "The ERP does not get this order.",
	bridge.AlarmRestored:   "Changes since the backup are not in the shop, and new orders may have the numbers of old ones.",
	bridge.AlarmDrifted:    "Customers see something else than the ERP says.",
	bridge.AlarmUnknown:    "The ERP may lack these orders, or may get them twice if they are written again unseen.",
	bridge.AlarmOutOfOrder: "An older statement was not laid over a newer one; if it was the newer one, the shop lacks it.",
	bridge.AlarmUnfinished: "The end of the file is not in the shop.",
}

// german are the German texts by the English ones.
var german = map[string]string{
	"alarm: %s: %s":                     "Alarm: %s: %s",
	"reminder: %s: %s":                  "Erinnerung: %s: %s",
	"escalated: %s: %s":                 "Weitergegeben: %s: %s",
	"over: %s: %s":                      "Vorbei: %s: %s",
	"Since %s.":                         "Seit %s.",
	"It began %s and is over.":          "Es begann %s und ist vorbei.",
	"In the end it was of %d.":          "Am Ende betraf es %d.",
	"It was: %s":                        "Es war: %s",
	"%s had acknowledged it: %s":        "%s hatte es zur Kenntnis genommen: %s",
	"%s and %d more":                    "%s und %d weitere",
	"Look with: %s":                     "Nachsehen: %s",
	"Look with: %s; take note with: %s": "Nachsehen: %s; zur Kenntnis nehmen: %s",
	"test of the route %s":              "Probe des Weges %s",
	"from %s to %s":                     "von %s bis %s",
	"From %s to %s.":                    "Von %s bis %s.",
	"since %s":                          "seit %s",
	"acknowledged by %s: %s":            "zur Kenntnis genommen von %s: %s",
	"and %d more":                       "und %d weitere",
	"none":                              "keine",
	"Files:":                            "Dateien:",
	"Alarms that stand:":                "Alarme, die bestehen:",
	"Alarms that ended:":                "Alarme, die vorbei sind:",
	"digest of %s: %d alarms stand, %d ended":             "Tagesbericht %s: %d Alarme bestehen, %d sind vorbei",
	"Others were told and have not acknowledged it.":      "Andere wurden verständigt und haben es nicht zur Kenntnis genommen.",
	"%s tries whether messages arrive. Nothing is wrong.": "%s probiert, ob Nachrichten ankommen. Es ist alles in Ordnung.",

	"loaded": "geladen", "partial": "teilweise geladen", "rejected": "abgewiesen", "duplicate": "doppelt", "superseded": "überholt",
	"discarded": "verworfen", "vanished": "verschwunden",

	"files wait for an approval":              "Dateien warten auf Freigabe",
	"files could not be loaded":               "Dateien konnten nicht geladen werden",
	"rows were rejected":                      "Zeilen wurden abgewiesen",
	"files wait and are not loaded":           "Dateien warten und werden nicht geladen",
	"a file did not come":                     "eine Datei ist nicht gekommen",
	"work waits for trouble to pass":          "Arbeit steht wegen einer Störung",
	"the shop's queue stands still":           "die Warteschlange des Shops steht",
	"clocks differ":                           "Uhren gehen verschieden",
	"a certificate or key ends":               "ein Zertifikat oder Schlüssel läuft ab",
	"the disk is nearly full":                 "die Platte ist fast voll",
	"memory is short":                         "der Speicher ist knapp",
	"the bridge was not at work":              "die Brücke hat nicht gearbeitet",
	"messages do not arrive":                  "Nachrichten kommen nicht an",
	"another system does not hear of events":  "ein anderes System erfährt nichts von Ereignissen",
	"order files are not picked up":           "Auftragsdateien werden nicht abgeholt",
	"an order file was changed":               "eine Auftragsdatei wurde verändert",
	"an order file came back":                 "eine Auftragsdatei ist zurückgekommen",
	"an order file vanished at once":          "eine Auftragsdatei ist sofort verschwunden",
	"another file is in the way of an order":  "eine andere Datei ist einem Auftrag im Weg",
	"an order can't be written":               "ein Auftrag kann nicht geschrieben werden",
	"the ERP has not answered orders":         "das ERP hat Aufträge nicht beantwortet",
	"the ERP refused an order":                "das ERP hat einen Auftrag abgelehnt",
	"an order has the id of another one":      "ein Auftrag hat die Nummer eines anderen",
	"the sums of an order do not add up":      "die Summen eines Auftrags gehen nicht auf",
	"the shop does not tell an order in full": "der Shop gibt einen Auftrag nicht vollständig heraus",
	"the shop went back in time":              "der Shop ist auf einen früheren Stand zurückgesetzt",
	"the shop has not what it was given":      "Der Shop hat nicht, was er bekommen hat",
	"nobody knows whether orders went out":    "Von Aufträgen weiß niemand, ob sie hinausgingen",
	"a file came out of order":                "eine Datei kam außer der Reihe",
	"a file was taken before it was finished": "eine Datei wurde geholt, bevor sie fertig war",

	"Nothing of these files is in the shop before somebody approves them; later files of the feed may wait behind them.": "Nichts aus " +
		"diesen Dateien steht im Shop, bevor jemand sie freigibt; spätere Dateien können dahinter warten.",
	"The shop keeps what it had: what these files say is not in it.": "Der Shop behält, was er hatte: Was diese Dateien sagen, steht " +
		"nicht darin.",
	"These rows are not in the shop; all others of the file are.": "Diese Zeilen stehen nicht im Shop; alle anderen der Datei stehen " +
		"darin.",
	"The shop keeps what it had until these files can be loaded.": "Der Shop behält, was er hatte, bis diese Dateien geladen werden " +
		"können.",
	"The shop shows what the last file said.": "Der Shop zeigt, was die letzte Datei gesagt hat.",
	"Nothing is lost; what needs this end stands still until the trouble has passed.": "Es geht nichts verloren; was diese Gegenstelle " +
		"braucht, steht still, bis die Störung vorüber ist.",
	"What was sent is not in the shop yet, and the shop may not do other work of its queue either, such as sending mail.": "Was gesendet " +
		"wurde, steht noch nicht im Shop, und vielleicht bleibt auch andere Arbeit seiner Warteschlange liegen, etwa der Versand von E-Mails.",
	"Orders may be noticed late, and tokens and certificates may be refused.": "Aufträge können zu spät bemerkt, Token und Zertifikate " +
		"abgelehnt werden.",
	"After that the bridge can't reach this end, or can't read its files.": "Danach kann die Brücke diese Gegenstelle nicht erreichen oder " +
		"ihre Dateien nicht lesen.",
	"Once the disk is full nothing is loaded and no order is written.": "Ist die Platte voll, wird nichts geladen und kein Auftrag " +
		"geschrieben.",
	"The system may end the bridge; it goes on where it stopped.": "Das System kann die Brücke beenden; sie macht weiter, wo sie " +
		"aufgehört hat.",
	"Meanwhile no file was loaded and no order was written.": "In dieser Zeit wurde keine Datei geladen und kein Auftrag " +
		"geschrieben.",
	"People who are told by this route do not hear of alarms.":   "Wer auf diesem Weg verständigt wird, erfährt nichts von Alarmen.",
	"This system does not know what has happened in the bridge.": "Dieses System weiß nicht, was in der Brücke geschehen ist.",
	"The ERP does not know these orders.":                        "Das ERP kennt diese Aufträge nicht.",
	"The ERP may have read something else than what the shop said.": "Das ERP hat vielleicht etwas anderes gelesen, als der Shop " +
		"gesagt hat.",
	"The ERP may take the order twice.":                    "Das ERP nimmt den Auftrag vielleicht zweimal.",
	"The ERP may not have the order.":                      "Das ERP hat den Auftrag vielleicht nicht.",
	"The ERP does not get this order.":                     "Das ERP bekommt diesen Auftrag nicht.",
	"Nobody knows whether these orders will be delivered.": "Niemand weiß, ob diese Aufträge ausgeliefert werden.",
	"The order will not be delivered as it is.":            "So wie er ist, wird der Auftrag nicht ausgeliefert.",
	"The ERP may take it for the other order.":             "Das ERP hält ihn vielleicht für den anderen Auftrag.",
	"The ERP may calculate another total than the customer has seen.": "Das ERP berechnet vielleicht eine andere Summe, als der Kunde " +
		"gesehen hat.",
	"Changes since the backup are not in the shop, and new orders may have the numbers of old ones.": "Änderungen seit der Sicherung " +
		"fehlen im Shop, und neue Aufträge können die Nummern alter haben.",
	"An older statement was not laid over a newer one; if it was the newer one, the shop lacks it.": "Ein älterer Stand wurde nicht über " +
		"einen neueren gelegt; war er der neuere, so fehlt er im Shop.",
	"The end of the file is not in the shop.":         "Das Ende der Datei steht nicht im Shop.",
	"Customers see something else than the ERP says.": "Kunden sehen etwas anderes, als das ERP sagt.",
	"The ERP may lack these orders, or may get them twice if they are written again unseen.": "Dem ERP fehlen diese Aufträge vielleicht, " +
		"oder es bekommt sie zweimal, wenn sie ungeprüft noch einmal geschrieben werden.",

	bridge.AlarmOverdue.Hint(): "Prüfen, ob der Kanal des ERP läuft und in diesen Ordner sieht",
	bridge.AlarmChanged.Hint(): "Die Datei mit `orobridge order` vergleichen; den Auftrag noch einmal ausgeben, wenn das ERP die " +
		"falschen Bytes hat",
	bridge.AlarmReturned.Hint():   "Im ERP prüfen, dass der Auftrag nicht zweimal da ist",
	bridge.AlarmUnseen.Hint():     "Prüfen, ob das ERP den Auftrag hat; sonst ihn noch einmal ausgeben",
	bridge.AlarmConflict.Hint():   "Die andere Datei wegräumen, dann den Auftrag noch einmal ausgeben",
	bridge.AlarmStuck.Hint():      "Den Auftrag oder das Format des Exports richtigstellen, dann `orobridge rerun --order … --render`",
	bridge.AlarmUnanswered.Hint(): "Den Auftrag im ERP nachsehen",
	bridge.AlarmRefused.Hint():    "Den Grund mit `orobridge order` nachsehen",
	bridge.AlarmDrifted.Hint():    "Mit `orobridge reconcile` ansehen, was abweicht; --repair stellt es richtig",
	bridge.AlarmUnknown.Hint(): "Die Aufträge aus `orobridge orders --unknown` im ERP nachsehen: `orobridge ack order` für die, die es hat, " +
		"die anderen noch einmal ausgeben",
	bridge.AlarmReused.Hint(): "Der Shop ist wohl aus einer Sicherung zurückgeholt: die Aufträge davor mit denen des ERP vergleichen",
	bridge.AlarmSums.Hint(): "Die Summen des Auftrags im Shop und in der Datei vergleichen; seine Vermerke sagen, welche nicht " +
		"aufgehen",
	bridge.AlarmUntold.Hint(): "Den Auftrag im Shop und das Protokoll des Shops ansehen: Etwas, das zum Auftrag gehört, ist nicht " +
		"lesbar",
	bridge.AlarmRestored.Hint(): "Die neuesten vollständigen Dateien jedes Feeds noch einmal senden lassen, damit der Shop wieder hat, " +
		"was das ERP sagt",
	bridge.AlarmUnfinished.Hint(): "Die Datei wurde geholt, bevor ihr Sender fertig war: dem Feed eine Markierung, ein Manifest oder " +
		"ein längeres ready.stable geben",
	bridge.AlarmOutOfOrder.Hint(): "Datum und Nummer im Dateinamen prüfen; ist die Datei der neuere Stand, sie mit --force noch einmal " +
		"laden",
	bridge.AlarmHeld.Hint(): "Den Plan mit `orobridge drop` ansehen, dann die Datei freigeben (approve) oder verwerfen (discard)",
	bridge.AlarmRejected.Hint(): "Den Grund mit `orobridge drop` nachsehen; die Datei richtigstellen und noch einmal senden, oder sie " +
		"noch einmal laden",
	bridge.AlarmPartial.Hint(): "Die Zeilen mit `orobridge rejects` ansehen; sie richtigstellen und noch einmal senden lassen, oder " +
		"zur Kenntnis nehmen",
	bridge.AlarmBlocked.Hint(): "Mit `orobridge status` nachsehen, worauf die Dateien warten",
	bridge.AlarmMissing.Hint(): "Bei denen nachfragen, die das ERP betreiben; Ordner und Namen in der Konfiguration des Feeds prüfen",
	bridge.AlarmPaused.Hint(): "Mit `orobridge check` nachsehen, welche Gegenstelle nicht geht; die Brücke macht von selbst weiter, " +
		"sobald sie geht",
	bridge.AlarmQueue.Hint():      "Die Consumer des Shops neu starten lassen; es geht nichts verloren, die Brücke wartet",
	bridge.AlarmClock.Hint():      "Diese Maschine und die des Shops die Zeit von einem Zeitserver nehmen lassen",
	bridge.AlarmExpires.Hint():    "Erneuern, dann `orobridge reload`",
	bridge.AlarmDisk.Hint():       "Auf der Platte von state.dir Platz schaffen; solange keiner da ist, wartet die Brücke",
	bridge.AlarmMemory.Hint():     "Der Maschine oder dem Container mehr Speicher geben, oder finden, was ihn sonst verbraucht",
	bridge.AlarmGone.Hint():       "Nachsehen, warum die Brücke nicht lief; es ist nichts verloren, sie macht weiter, wo sie aufgehört hat",
	bridge.AlarmSubscriber.Hint(): "Mit `orobridge notify test` probieren; was aufgegeben wurde, erzählt `orobridge notify again` noch einmal",
	bridge.AlarmRoute.Hint():      "Die Adresse des Weges mit `orobridge notify test` prüfen",
}
