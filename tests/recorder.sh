#!/bin/sh
# Every program that the tool runs is this one: as flask it waits for its turn; it records
# how it was called, and does what a test wants `before` and `after` it. $FAULT defines both.
# Unless FAST is empty, SQL does what flask would, without its cost.
name=${0##*/}
case "$name $BACKSCOPE_RESET" in "flask {"*)
    gate=${BACKSCOPE_RESET##*'"gate": '}
    read -r target <"/dev/fd/${gate%%[!0-9]*}" || exit 1
    BACKSCOPE_RESET=$(printf %s "$BACKSCOPE_RESET" | sed 's/"gate": [0-9]*/"gate": 9/') ;;
esac
call="$name${1+ $*}"
printf '%s\n' "$call" >>"$TRACE"
[ -z "$NOTE_ENVIRONMENT" ] || env >>"$TRACE.env"
. "$FAULT"
before "$@"
case "$name" in flask) set -- "${0%/*}/python" -m flask "$@" ;; *) set -- "$name" "$@" ;; esac
PATH=$REAL_PATH
folder=migrations
case "$call" in *" -d migrations."*) folder=${call##* -d } ;; esac
case "${FAST:+fast }$call" in
"fast flask db init"*) set -- mkdir -p "$folder/versions" ;;
"fast flask db migrate"*)
    for model in "$MODEL"/migrations/versions/*.py; do old=${model##*/}; done
    new=$(printf %012x $$)
    set -- sed "s/${old%_.py}/$new/;w $folder/versions/${new}_.py" -n "$model" ;;
"fast flask db upgrade"*)
    for new in "$folder"/versions/*.py; do new=${new##*/}; done
    set -- psql -qX -o /dev/null -d "$POSTGRES_DB" -f "$MODEL/../schema.sql" \
        -c "UPDATE public.alembic_version SET version_num = '${new%_.py}'" ;;
"fast flask clear-database")
    set -- psql -qX -o /dev/null -d "$POSTGRES_DB" -c 'DROP TABLE sequences, searches, "user"' \
        -f "$MODEL/../tables.sql" ;;
esac
if type after >/dev/null 2>&1; then
    "$@" 9<<END
$target
END
    status=$?
    after
    exit $status
fi
exec "$@" 9<<END
$target
END
