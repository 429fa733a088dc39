package page

// german are the page's messages in German, by their English text.
var german = map[string]string{}
