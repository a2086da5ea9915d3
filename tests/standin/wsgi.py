"""Where `flask` finds the stand-in app."""

from flaskr import create_app

app = create_app()
