#!/bin/sh
name=${0##*/}
call="$name${1+ $*}"
printf '%s\n' "$call" >>"$TRACE"
[ -z "$NOTE_ENVIRONMENT" ] || env >>"$TRACE.env"
[ -n "$COVER_INSIDE" ] || unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START
case "$call" in ${BEFORE:-nothing}) eval "$DO" ;; esac
case "$name" in flask) set -- "${0%/*}/python" -m flask "$@" ;; *) set -- "$name" "$@" ;; esac
PATH=$REAL_PATH
case "${FAST:+fast }$call" in
"fast flask db init") set -- mkdir -p migrations/versions ;;
"fast flask db migrate")
    for model in "$MODEL"/migrations/versions/*.py; do old=${model##*/}; done
    new=$(printf %012x $$)
    set -- sed "s/${old%_.py}/$new/;w migrations/versions/${new}_.py" -n "$model" ;;
"fast flask db upgrade")
    for new in migrations/versions/*.py; do new=${new##*/}; done
    set -- psql -qX -o /dev/null -d "$FAST" -f "$MODEL/../schema.sql" \
        -c "UPDATE public.alembic_version SET version_num = '${new%_.py}'" ;;
"fast flask clear-database") set -- psql -qXd "$FAST" -c 'TRUNCATE sequences, searches, "user"' ;;
esac
case "$call" in ${AFTER:-nothing}) "$@"; eval "$DO"; exit ;; esac
exec "$@"
