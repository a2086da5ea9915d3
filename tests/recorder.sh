#!/bin/sh
name=${0##*/}
call="$name"
for word; do call="$call $word"; done
printf '%s\n' "$call" >>"$TRACE"
env >"$TRACE.env"
[ -n "$COVER_INSIDE" ] || unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
case "$call" in ${BEFORE:-nothing}) eval "$DO" ;; esac
flask="$(dirname "$0")/python -m flask"
if [ "$name" = flask ]; then set -- $flask "$@"; else set -- "$name" "$@"; fi
PATH=$REAL_PATH
if [ -n "$FAST" ]; then
    model=$(echo "$MODEL"/migrations/versions/*.py)
    new=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
    case "$call" in
    "flask db init") set -- mkdir -p migrations/versions ;;
    "flask db migrate")
        edit="s/$(basename "$model" _.py)/$new/"
        set -- sh -c "sed $edit $model >migrations/versions/${new}_.py" ;;
    "flask db upgrade")
        new=$(basename migrations/versions/*.py _.py)
        set -- psql -qX -o /dev/null -d "$FAST" -f "$MODEL/../schema.sql" \
            -c "UPDATE public.alembic_version SET version_num = '$new'" ;;
    "flask clear-database") set -- psql -qXd "$FAST" -c 'TRUNCATE sequences, searches, "user"' ;;
    esac
fi
case "$call" in ${AFTER:-nothing}) "$@"; eval "$DO"; exit ;; esac
exec "$@"
