"""A stand-in for Backscope: the same commands, settings, tables and start-up, nothing else."""

import logging
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


class EnvironmentException(Exception):
    """The testing environment names no database that may be disposed of."""


def create_app(environment=None, oeis_scheme="https", oeis_hostport="oeis.org"):
    """Make the app for an environment: the argument, APP_ENVIRONMENT or development."""
    name = environment or os.environ.get("APP_ENVIRONMENT", "development")
    chosen = config[name]

    log = logging.getLogger(__name__)
    handler = logging.handlers.RotatingFileHandler("logs/api.log", maxBytes=10**7, backupCount=9)
    handler.setLevel(logging.WARNING)
    log.addHandler(handler)

    app = Flask(__name__)
    if chosen.TESTING and chosen.SQLALCHEMY_DATABASE_URI is None:
        raise EnvironmentException("testing needs POSTGRES_DISPOSABLE_DB to name a database")
    app.config.from_object(chosen)
    app.config.update(oeis_scheme=oeis_scheme, oeis_hostport=oeis_hostport)
    revision = os.environ.get("GIT_REVISION_HASH")
    if revision is None:
        command = ["git", "rev-parse", "--short", "HEAD"]
        revision = subprocess.check_output(command, encoding="utf-8").strip()
    app.config["git_revision_hash"] = revision

    db.init_app(app)
    Migrate(app, db)
    app.cli.add_command(clear_database_command)

    from flaskr import nscope

    app.register_blueprint(nscope.bp)
    return app


def clear_database():
    """Drop the tables of the models, and make them again."""
    db.drop_all()
    db.create_all()


@click.command("clear-database")
@with_appcontext
def clear_database_command():
    """Clear the database, in production only after a `yes`."""
    if current_app.config["PRODUCTION"]:
        warning = "This is production. Clear the production database? Type yes, or anything else: "
        if input(warning) != "yes":
            click.echo("No action taken")
            return
    clear_database()
    click.echo("Database cleared")
