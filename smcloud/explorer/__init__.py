"""The explorer: a page that draws a release in the browser, straight from its sealed chunks."""
