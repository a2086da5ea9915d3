"""The tables, with the columns and types of the real ones."""

from flaskr import db


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    first_name = db.Column(db.String, nullable=False)
    last_name = db.Column(db.String, nullable=False)
    email = db.Column(db.String, unique=True, nullable=False)
    _password = db.Column("password", db.String, nullable=False)


class Sequence(db.Model):
    __tablename__ = "sequences"
    id = db.Column(db.String, unique=True, nullable=False, primary_key=True)
    name = db.Column(db.String)
    shift = db.Column(db.Integer, nullable=False, default=0)
    values = db.Column(db.ARRAY(db.String))
    values_requested = db.Column(db.Boolean, nullable=False, default=False)
    raw_refs = db.Column(db.String)
    backrefs = db.Column(db.ARRAY(db.String))
    ref_count = db.Column(db.Integer)
    meta_req_time = db.Column(db.BigInteger)
    factors = db.Column(db.ARRAY(db.String))


class Search(db.Model):
    __tablename__ = "searches"
    term = db.Column(db.String, unique=True, nullable=False, primary_key=True)
    ids = db.Column(db.ARRAY(db.String))
    names = db.Column(db.ARRAY(db.String))
