"""Settings: from the environment, else from .env, else the defaults; nothing is escaped."""

import os

from dotenv import load_dotenv

load_dotenv()
DISPOSABLE = os.getenv("POSTGRES_DISPOSABLE_DB")
SERVER = "postgresql+psycopg2://{}:{}@{}:{}/".format(
    os.getenv("POSTGRES_USER", "postgres"),
    os.getenv("POSTGRES_PASSWORD", "root"),
    os.getenv("POSTGRES_HOST", "localhost"),
    os.getenv("POSTGRES_PORT", 5432),
)


class Config:
    SQLALCHEMY_DATABASE_URI = SERVER + os.getenv("POSTGRES_DB", "postgres")
    PRODUCTION = False


class TestConfig(Config):
    SQLALCHEMY_DATABASE_URI = SERVER + DISPOSABLE if DISPOSABLE else None


class ProdConfig(Config):
    PRODUCTION = True


config = {"development": Config, "testing": TestConfig, "production": ProdConfig}
