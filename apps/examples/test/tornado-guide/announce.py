# Runs a program of the guide, and prints the URL of each socket on which Tornado listens.
import runpy
import sys

from tornado.tcpserver import TCPServer

add_sockets = TCPServer.add_sockets


def add_and_announce(self, sockets):
    add_sockets(self, sockets)
    for socket in sockets:
        print("listening on http://127.0.0.1:%d" % socket.getsockname()[1], file=sys.stderr, flush=True)


TCPServer.add_sockets = add_and_announce
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
