"""Writes tornado-identity.json: what Tornado makes of signed values and XSRF tokens, its own and ours.

    apt-get install python3-tornado
    /usr/bin/python3 packages/web/testdata/tornado-identity.py

Reads identity-ours.json. The tests of packages/web/src/cookies compare Landspout with the result, without Python.
"""

import base64
import json
import logging
import os
import pathlib
from unittest import mock

import tornado
import tornado.httputil
import tornado.web

logging.disable(logging.CRITICAL)
HERE = pathlib.Path(__file__).parent
TIME = 1300000000
KEY = "0123456789abcdef0123456789abcdef"
KEYS = {0: "old", 1: "new", 17: "newest"}


def keys_of(secret):
    """JSON has only text as keys of an object."""
    return {int(version): key for version, key in secret.items()} if isinstance(secret, dict) else secret


def text64(data):
    return None if data is None else base64.b64encode(data).decode()


def created():
    """Values that Tornado signs. Names are ASCII: Tornado counts the characters of others, and cannot read them."""
    cases = []
    for secret, version in [("s", None), (KEY, None), (KEY, 3), ("Größe 😀", None), (KEYS, 1), (KEYS, 0)]:
        for name in ["n", "session", "__Host-sid", "1:2|3", "a" * 100]:
            for value in [b"", b"v", b"a|b:c", "Grüße 😀".encode(), bytes(range(256)), b"x" * 100]:
                text = tornado.web.create_signed_value(
                    secret, name, value, clock=lambda: TIME + 0.75, key_version=version
                ).decode()
                case = {"secret": secret, "keyVersion": version, "name": name}
                cases.append({**case, "value": text64(value), "time": TIME, "text": text})
    return cases


def read(secret, name, text, now=TIME, max_age_days=31):
    result = tornado.web.decode_signed_value(
        secret, name, text, max_age_days=max_age_days, clock=lambda: now, min_version=2
    )
    return {
        "secret": secret,
        "name": name,
        "text": text,
        "now": now,
        "maxAgeDays": max_age_days,
        "result": text64(result),
        "keyVersion": tornado.web.get_signature_key_version(text),
    }


def sign(to_sign, secret=KEY):
    return to_sign + tornado.web._create_signature_v2(secret, to_sign.encode()).decode()


def decoded():
    """What Tornado reads from values that are old, foreign, of another version or malformed."""
    good = tornado.web.create_signed_value(KEY, "n", "value", clock=lambda: TIME).decode()
    rotated = tornado.web.create_signed_value(KEYS, "n", "value", clock=lambda: TIME, key_version=1).decode()
    v1 = tornado.web.create_signed_value(KEY, "n", "value", version=1, clock=lambda: TIME).decode()
    cases = [
        read(KEY, "n", good),
        read(KEY, "N", good),
        read(KEY, "n2", good),
        read("other", "n", good),
        read(KEY, "n", good, now=TIME + 31 * 86400),
        read(KEY, "n", good, now=TIME + 31 * 86400 + 1),
        read(KEY, "n", good, now=TIME + 86400, max_age_days=0.5),
        read(KEY, "n", good, now=TIME - 1000 * 86400),
        read(KEYS, "n", rotated),
        read({0: "old", 17: "newest"}, "n", rotated),
        read({2: "new"}, "n", rotated),
        read({1: "old"}, "n", rotated),
        read("new", "n", rotated),
        read(KEY, "n", v1),
        read(KEY, "n", sign("2|1:0|10:1300000000|1:n|4:dg==|")),
        read(KEY, "n", sign("2|1:0|10:1300000000|1:n|3:dg=|")),
        read(KEY, "n", sign("2|1:0|10:1300000000|1:n|0:|")),
        read(KEY, "", sign("2|1:0|10:1300000000|0:|4:dg==|")),
        read(KEY, "n", sign("2|1:x|10:1300000000|1:n|4:dg==|")),
        read(KEY, "n", sign("2|1:0|1:1|1:n|4:dg==|")),
        read(KEY, "n", sign("2|1:0|10:1300000000|1:n|4:dg==|") + "0"),
        read(KEY, "n", sign("3|1:0|10:1300000000|1:n|4:dg==|")),
        read(KEY, "n", sign("02|1:0|10:1300000000|1:n|4:dg==|")),
    ]
    for end in range(0, len(good), 3):
        cases.append(read(KEY, "n", good[:end]))
    for at in range(0, len(good), 5):
        cases.append(read(KEY, "n", good[:at] + good[at + 1 :]))
        cases.append(read(KEY, "n", good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :]))
        cases.append(read(KEY, "n", good[:at] + "|" + good[at:]))
    texts = ["|", "2", "2|", "2||||||", "2|:|:|:|:|", "2|-1:0|", "2|1:", "2|x:0|"]
    for text in texts + ["2|99:0|10:1300000000|1:n|4:dg==|"]:
        cases.append(read(KEY, "n", text))
    return cases


def read_ours(case):
    result = tornado.web.decode_signed_value(
        keys_of(case["secret"]), case["name"], case["text"], clock=lambda: case["time"], min_version=2
    )
    return text64(result)


def handler_of(method="POST", cookie=None, headers=None, field=None):
    fields = tornado.httputil.HTTPHeaders(headers or {})
    if cookie is not None:
        fields["Cookie"] = "_xsrf=" + cookie
    request = tornado.httputil.HTTPServerRequest(
        method=method, uri="/", headers=fields, host="example.com", connection=mock.Mock()
    )
    if field is not None:
        request.arguments["_xsrf"] = [field.encode()]
    return tornado.web.RequestHandler(tornado.web.Application([]), request)


def xsrf_token(text):
    version, token, seconds = handler_of()._decode_xsrf_token(text)
    return {
        "text": text,
        "token": None if token is None else token.hex(),
        "seconds": seconds if version == 2 else None,
    }


def xsrf_made():
    cases = []
    for token in [bytes(range(16)), b"\xff" * 16, b"a"]:
        for mask in [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"]:
            randoms = [token, mask]
            with mock.patch.object(os, "urandom", lambda _count: randoms.pop(0)), mock.patch(
                "time.time", lambda: TIME + 0.5
            ):
                text = handler_of(method="GET").xsrf_token.decode()
            cases.append({"token": token.hex(), "mask": mask.hex(), "seconds": TIME, "text": text})
    return cases


def xsrf_decoded():
    texts = ["00ff", "00FF", "0", "abc", "zz", "short", "non-hex cookie", "0" * 32]
    texts += ["1|00", "3|00000000|00|1", "12|x", "02|a", "2|", "2||00|1", "2|00000000|00"]
    texts += ["2|00000000|00|1", "2|00000000|0|1", "2|0000000g|00|1", "2|00000000|00|x"]
    texts += ["2|01020304|ABCDEF|1300000000", "2|01020304|ABCDEF|1300000000|", "2|000000|00112233|1"]
    return [xsrf_token(text) for text in texts]


def xsrf_checked():
    token, other = "2|01020304|aabbccdd|1300000000", "2|01020304|aabbccde|1300000000"
    remasked = "2|00000000|abb9cfd9|1300000099"
    cases = []
    for cookie in [None, token, "short", "abb9cfd9", "3|x"]:
        for submitted in [None, "", token, other, remasked, "short", "abb9cfd9", "ABB9CFD9", "3|x", "2|", "x"]:
            for place in ["field", "X-XSRFToken", "X-CSRFToken", "X-Requested-With"]:
                sent = {"field": submitted} if place == "field" else {"headers": {place: submitted}}
                if submitted is None:
                    sent = {}
                try:
                    handler_of(cookie=cookie, **sent).check_xsrf_cookie()
                    status = None
                except tornado.web.HTTPError as error:
                    status = error.status_code
                cases.append({"cookie": cookie, "submitted": submitted, "place": place, "status": status})
    return cases


ours = json.loads((HERE / "identity-ours.json").read_text())
result = {
    "tornado": tornado.version,
    "signed": {
        "created": created(),
        "decoded": decoded(),
        "ours": [{"text": case["text"], "result": read_ours(case)} for case in ours["signed"]],
    },
    "xsrf": {
        "made": xsrf_made(),
        "decoded": xsrf_decoded(),
        "checked": xsrf_checked(),
        "ours": [xsrf_token(case["text"]) for case in ours["xsrf"]],
    },
}
(HERE / "tornado-identity.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
