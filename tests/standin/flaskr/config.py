"""Settings: from the environment, else from .env, else the defaults."""

import os

from dotenv import load_dotenv

load_dotenv()


def _uri(database):
    """A database URL; like the real one it escapes nothing."""
    user = os.getenv("POSTGRES_USER", "postgres")
    password = os.getenv("POSTGRES_PASSWORD", "root")
    host = os.getenv("POSTGRES_HOST", "localhost")
    port = os.getenv("POSTGRES_PORT", 5432)
    return f"postgresql+psycopg2://{user}:{password}@{host}:{port}/{database}"


class Config:
    """What all environments share."""

    SQLALCHEMY_DATABASE_URI = _uri(os.getenv("POSTGRES_DB", "postgres"))
    SQLALCHEMY_TRACK_MODIFICATIONS = False
    SECRET_KEY = os.getenv("APP_SECRET", "secret key")
    DEBUG = False
    DEVELOPMENT = False
    TESTING = False
    PRODUCTION = False


class DevConfig(Config):
    """On a developer's machine."""

    DEBUG = True
    DEVELOPMENT = True


class TestConfig(Config):
    """Under test: another database, which has no default."""

    _disposable = os.getenv("POSTGRES_DISPOSABLE_DB")
    SQLALCHEMY_DATABASE_URI = _uri(_disposable) if _disposable else None
    DEBUG = True
    TESTING = True


class ProdConfig(Config):
    """On the public server."""

    PRODUCTION = True


config = {"development": DevConfig, "testing": TestConfig, "production": ProdConfig}
