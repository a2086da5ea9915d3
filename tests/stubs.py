"""A server that is none, and says a single message."""

import contextlib
import socket
import threading


def refuse_with(message):
    """Return the port of a server that refuses each connection with the bytes of a message.

    It has no TLS, which clients ask for first (PostgreSQL, "Message Formats").
    """
    fields = b"SFATAL\0VFATAL\0C28P01\0M" + message + b"\0\0"
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            with contextlib.suppress(OSError), listener.accept()[0] as client:
                while client.recv(9999)[4:6] == b"\x04\xd2":  # SSLRequest, GSSENCRequest
                    client.sendall(b"N")
                client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    threading.Thread(target=answer, daemon=True).start()
    return str(listener.getsockname()[1])
