"""The built site: all of it is there, its links lead somewhere, it asks no other host, its notebooks gave results."""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.e2e
OWN = ("script", "link", "img", "iframe", "source")  # what a browser fetches by itself


class Page(HTMLParser):
    """The ids of a page, and its links: (tag, address)."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.ids |= {held[name] for name in ("id", "name") if held.get(name)}
        self.links += [(tag, held[name]) for name in ("href", "src") if held.get(name)]


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_every_part_of_the_reference_is_there(site):
    made = site / "docs/reference/generated"
    text = {name: (made / f"{name}.html").read_text("utf-8") for name in
            ("cli", "configuration", "catalog", "products", "errors", "python")}  # fmt: skip
    assert "smcloud catalog check" in text["cli"] and "--allow-older" in text["cli"]
    assert "trend.radius_km" in text["configuration"] and "coverage_change" in text["catalog"]
    assert "minimum_detectable_slope" in text["products"] and "release-conflict" in text["errors"]
    assert "linear_trend" in text["python"] and "open_product" in text["python"]
    assert "docs/index.html" in (site / "index.html").read_text()


def test_links_inside_lead_somewhere(pages, site):
    lost = []
    for path, page in pages.items():
        for _, address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file()
            if there and parts.fragment and target.suffix == ".html":
                there = unquote(parts.fragment) in pages[target].ids
            if not there:
                lost.append((path.relative_to(site).as_posix(), address))
    assert lost == []


def test_addresses_outside_are_addresses(pages):
    addresses = {address for page in pages.values() for _, address in page.links if urlsplit(address).scheme}
    wrong = [
        address
        for address in addresses
        if not (urlsplit(address).scheme in ("https", "http") and "." in urlsplit(address).netloc)
        and not address.startswith(("mailto:", "data:", "http://localhost"))
    ]
    assert wrong == []


def test_a_browser_asks_no_other_host(pages):
    fetched = {address for page in pages.values() for tag, address in page.links if tag in OWN}
    assert [address for address in fetched if urlsplit(address).netloc] == []


def test_notebooks_were_executed(site):
    for name, shown in (("point", "95 % interval"), ("basin", "The region"), ("study", "correlation of found")):
        text = (site / f"docs/notebooks/{name}.html").read_text("utf-8")
        assert "cell_output" in text and "<img" in text and shown in text, name
        assert "Traceback" not in text
