"""One end of a TLS connection over Python's ssl module.

Called with one argument, a JSON object. As a client it sends what it reads from its input, and prints what it receives
until the end after a line of JSON with the facts of the connection. As a server it prints its port, sends back as many
bytes as it is told, closes, and prints the facts. A failure is a line of JSON with its words.
"""

import json
import select
import socket
import ssl
import sys

options = json.loads(sys.argv[1])
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def context_for(protocol):
    context = ssl.SSLContext(protocol)
    if "version" in options:
        context.minimum_version = context.maximum_version = VERSIONS[options["version"]]
    if "caFile" in options:
        context.load_verify_locations(options["caFile"])
    if "certFile" in options:
        context.load_cert_chain(options["certFile"], options["keyFile"])
    if "crlFile" in options:
        context.load_verify_locations(options["crlFile"])
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    return context


def facts_of(tls):
    certificate = tls.getpeercert() or {}
    names = [value for part in certificate.get("subject", ()) for _, value in part]
    return {
        "version": tls.version(),
        "alpn": tls.selected_alpn_protocol(),
        "resumed": tls.session_reused,
        "peer": names[0] if names else None,
    }


def say(facts):
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
    sys.stdout.buffer.flush()


def exchange(tls, body):
    """Sends the body and receives at the same time, in one thread: Python does not lock the connection for two."""
    tls.setblocking(False)
    pieces = []
    left = memoryview(body)
    while True:
        is_stuck = True
        try:
            piece = tls.recv(65536)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            is_stuck = False
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        try:
            if left:
                left = left[tls.send(left[:65536]) :]
                is_stuck = False
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        if is_stuck:
            select.select([tls], [tls] if left else [], [])


def client():
    body = sys.stdin.buffer.read()
    context = context_for(ssl.PROTOCOL_TLS_CLIENT)
    session = None
    for _ in range(options.get("connections", 1)):
        with socket.create_connection(("127.0.0.1", options["port"])) as plain:
            with context.wrap_socket(plain, server_hostname=options["servername"], session=session) as tls:
                received = exchange(tls, body)
                session = tls.session
                facts = facts_of(tls)
    say(facts)
    sys.stdout.buffer.write(received)


def server():
    context = context_for(ssl.PROTOCOL_TLS_SERVER)
    if "caFile" in options:
        context.verify_mode = ssl.CERT_OPTIONAL if options.get("optional") else ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    say({"port": listener.getsockname()[1]})
    for _ in range(options.get("connections", 1)):
        plain, _ = listener.accept()
        with context.wrap_socket(plain, server_side=True) as tls:
            left = options["bytes"]
            while left > 0:
                piece = tls.recv(65536)
                if not piece:
                    break
                left -= len(piece)
                tls.sendall(piece)
            facts = facts_of(tls)
            tls.unwrap()
    say(facts)


try:
    client() if options["role"] == "client" else server()
except (OSError, ssl.SSLError) as error:
    say({"failure": str(error)})
