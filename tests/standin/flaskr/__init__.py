"""A stand-in for Backscope: the same commands, settings, tables and start-up, nothing else."""

import logging.handlers
import os
import subprocess

import click
from dotenv import load_dotenv
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from .config import config

load_dotenv()
db = SQLAlchemy()


def create_app(environment=None):
    handler = logging.handlers.RotatingFileHandler("logs/api.log", maxBytes=10**7, backupCount=9)
    logging.getLogger(__name__).addHandler(handler)
    app = Flask(__name__)
    app.config.from_object(config[environment or os.getenv("APP_ENVIRONMENT", "development")])
    if "GIT_REVISION_HASH" not in os.environ:
        subprocess.check_output(["git", "rev-parse", "--short", "HEAD"])
    db.init_app(app)
    Migrate(app, db)
    app.cli.add_command(clear_database)
    import flaskr.nscope.models  # noqa: F401

    return app


@click.command("clear-database")
@with_appcontext
def clear_database():
    if current_app.config["PRODUCTION"]:
        warning = "This is production. Clear the production database? Type yes, or anything else: "
        if input(warning) != "yes":
            click.echo("No action taken")
            return
    db.drop_all()
    db.create_all()
    click.echo("Database cleared")
