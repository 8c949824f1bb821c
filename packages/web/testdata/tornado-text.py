"""Writes tornado-text.json: what Tornado makes of texts, for links, URLs, white space and character references.

    apt-get install python3-tornado
    /usr/bin/python3 packages/web/testdata/tornado-text.py

packages/web/test/text compares Landspout with the result, without Python. `xhtml_unescape` of later versions than the
packaged one is `html.unescape`, which is called here.
"""

import html
import json
import pathlib

import tornado
import tornado.escape

HERE = pathlib.Path(__file__).parent

LINKED = [
    "",
    "no link: a.b, main.py, http, www",
    "read http://docs.example.org/start first",
    "(https://docs.example.org/start)",
    "[https://docs.example.org/start]",
    '"https://docs.example.org/start"',
    "<https://docs.example.org/start>",
    "is it https://docs.example.org/start?",
    "https://docs.example.org/start!!! and more",
    "https://docs.example.org/start... and more",
    "https://docs.example.org/start, https://docs.example.org/end; done",
    "https://docs.example.org/wiki/Set_(type)",
    "(see https://docs.example.org/wiki/Set_(type))",
    "https://docs.example.org/wiki/Set_(type)_more",
    "https://docs.example.org/a(b)c(d)",
    "https://docs.example.org/open(more",
    "https://docs.example.org/open((((((((more",
    "https://docs.example.org/find?q=1&r=a,b&s=x.y",
    "https://docs.example.org/find?q=%20+a;b",
    "https://docs.example.org/path#part-2",
    "https://docs.example.org:8443/",
    "https://docs.example.org./",
    "http://localhost:8080/x",
    "http://127.0.0.1/x",
    "http://[2001:db8::1]:80/x",
    "http://bücher.example/größe",
    "http://例え.example/ページ",
    "http://☃.example/1",
    "http://a.example/~user/-/_/",
    "www.example.org",
    "www.example.org/a/b?c=d&e",
    "see www.example.org.",
    "(www.example.org)",
    "notwww.example.org",
    "one http://a.example/ two www.b.example three",
    "http://a.example\nhttp://b.example\r\n\thttps://c.example",
    "ftp://files.example.org/x",
    "ftp://www.example.org/x",
    "javascript:alert(1)",
    "javascript:/alert(1)",
    "javascript://www.example.org/%0aalert(1)",
    "xhttp://a.example",
    "x-http://a.example",
    "a:http://a.example",
    "http:// www",
    "http://",
    "https://docs.example.org/\"onmouseover=alert(1)",
    "https://docs.example.org/<script>alert(1)</script>",
    "<a href='https://docs.example.org/'>x</a>",
    "&lt;https://docs.example.org/&gt;",
    "http://a.example/&amp;b",
    "HTTP://A.EXAMPLE/",
    "http://user@a.example/",
    "http://user:secret@a.example/",
    "http://under_score.example/",
    "http://a.example/ends=",
    "http://a.example/ends&",
    "http://a.example/ends#",
    "http://a.example/*bold*",
    "http://a.example/{x}",
    "http://a.example/[x]",
    "http:/a.example",
    "http:///a.example",
    "http://a.example:99999/",
    "someone@example.org",
    "mailto:someone@example.org",
    "app:/1234",
    "app://1234/5",
    "https://http://a.example/",
]
OPTIONS = [
    {},
    {"requireProtocol": True},
    {"permittedProtocols": ["https"]},
    {"permittedProtocols": ["http", "app", "ftp"]},
    {"attributes": {"rel": "nofollow", "class": "x"}},
]
SHORTENED = [
    "http://a.example/",
    "http://a.example/abcdefghijkl",
    "http://a.example/abcdefgh/ijklmnop/qrst",
    "http://a.example/abcdefghijklmnopqrstuvwxyz",
    "http://a.example/ab.html?with=a&long=query",
    "http://a.example/?with=a&quite=long&query=1",
    "http://a-very-long-name-of-a-host.and-more.example/",
    "http://a-very-long-name-of-a-host.and-more-and-yet-more.example/",
    "http://a-very-long-name-of-a-host.and-more-and-yet-more.example/path/more",
    "http://a-very-long-name-of-a-host.and-more-and-yet-more.example",
    "www.a-long-name-of-a-host.example/path/more/and/more",
    "https://bücher-und-noch-mehr.example/größenangaben/x",
    "see http://a.example/abcdefgh/ijklmnop/qrst?u=v&w=x.",
]
ESCAPED = [
    "",
    "plain-text_1.~",
    "a b+c",
    "a/b?c=d&e=f#g",
    "!\"$%'()*,:;<>@[\\]^`{|}",
    "\x00\x01\t\r\n\x7f",
    "größe €",
    "😀",
    "%41+%20",
]
UNESCAPED = ["", "a+b%20c%2Bd", "%C3%BC%e2%82%ac", "%F0%9F%98%80", "ü%20€", "a%2Fb/c", "%00%0a"]
SQUEEZED = ["", "  a  ", "a\t\n b\r\n\r\nc", "\x00a\x1fb\x20\x20c", "a\u00a0 b", "\u2003a\u2003", "one"]
REFERENCES = [
    "&lt;b class=&quot;x&quot;&gt;&#39;&#x27;&apos;&amp;",
    "&amp;lt;",
    "&eacute;&eacute&eacutet",
    "&notit; &notin; &not;",
    "&ampx &AMP &Amp;",
    "&#0;&#xD800;&#x110000;&#99999999999999999999;",
    "&#128;&#x80;&#159;&#129;",
    "&#13;&#xA;&#39&#12a",
    "&; &#; &#x; &#xzz; & &unknown; &&lt;",
    "&hearts;&hearts &NotEqualTilde;&fjlig;&acE;",
    "&CounterClockwiseContourIntegral; &copy2",
    "&#x1F600;&#X41;",
]


def linked(text, options):
    attributes = "".join(f' {name}="{value}"' for name, value in options.get("attributes", {}).items())
    return tornado.escape.linkify(
        text,
        shorten=options.get("shorten", False),
        extra_params=attributes,
        require_protocol=options.get("requireProtocol", False),
        permitted_protocols=options.get("permittedProtocols", ["http", "https"]),
    )


cases = [(text, options) for options in OPTIONS for text in LINKED]
cases += [(text, {"shorten": True}) for text in SHORTENED]
result = {
    "tornado": tornado.version,
    "linkify": [{"text": text, "options": options, "html": linked(text, options)} for text, options in cases],
    "escaped": [
        {
            "text": text,
            "plus": tornado.escape.url_escape(text),
            "path": tornado.escape.url_escape(text, plus=False),
        }
        for text in ESCAPED
    ],
    "unescaped": [
        {
            "text": text,
            "plus": tornado.escape.url_unescape(text),
            "path": tornado.escape.url_unescape(text, plus=False),
        }
        for text in UNESCAPED
    ],
    "squeezed": [{"text": text, "result": tornado.escape.squeeze(text)} for text in SQUEEZED],
    "references": [{"text": text, "result": html.unescape(text)} for text in REFERENCES],
}
(HERE / "tornado-text.json").write_text(json.dumps(result, indent=1, ensure_ascii=True) + "\n")
