"""One endpoint, enough to keep a server and its session busy."""

from flask import Blueprint, jsonify

from flaskr import db
from flaskr.nscope.models import Sequence

bp = Blueprint("nscope", __name__)


@bp.route("/api/get_oeis_values/<oeis_id>/<int:count>")
def get_oeis_values(oeis_id, count):
    """The first values of a sequence that is cached."""
    found = db.session.get(Sequence, oeis_id)
    if found is None or found.values is None:
        return jsonify(id=oeis_id, values=None)
    return jsonify(id=oeis_id, name=found.name, values=found.values[:count])
