"""Clients that connect again at once, whatever ends them."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import psycopg2
from postgres import PASSWORD


@contextlib.contextmanager
def clients(backscope):
    """Have three clients use the database."""
    environ = {**os.environ, "PGHOST": backscope.postgres.host, "PGPORT": backscope.postgres.port}
    environ.update(PGDATABASE=backscope.name, PGUSER="scope", PGPASSWORD=PASSWORD)
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, __file__], env=environ, **streams) as process:
        process.stdout.readline()
        yield
        process.stdin.close()


def connect_again_and_again():
    while True:
        with contextlib.suppress(psycopg2.Error):
            connection = psycopg2.connect("")
            while True:
                connection.cursor().execute("SELECT 1")
                connection.commit()
                time.sleep(0.01)  # which leaves the machine to others


if __name__ == "__main__":
    for _ in range(3):
        threading.Thread(target=connect_again_and_again, daemon=True).start()
    print(flush=True)
    sys.stdin.read()  # until the test ends
