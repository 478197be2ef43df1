#!/bin/sh
# Templates become configuration files: the variables that are set are filled in, all others (nginx's own) stay.
set -eu
templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
target=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
stream_suffix=${NGINX_ENVSUBST_STREAM_TEMPLATE_SUFFIX:-.stream-template}
stream_target=${NGINX_ENVSUBST_STREAM_OUTPUT_DIR:-/etc/nginx/stream-conf.d}
defined=$(env -0 | awk -v RS='\0' -v filter="${NGINX_ENVSUBST_FILTER-}" '
    { name = substr($0, 1, index($0, "=") - 1) } name ~ filter { printf "${%s} ", name }')

# SUFFIX FOLDER: fills in all templates that end so.
fill_in() {
    find "$templates" -follow -type f -name "*$1" -print | while read -r template; do
        relative=${template#"$templates"/}
        file=$2/${relative%"$1"}
        mkdir -p "$(dirname "$file")"
        if [ ! -w "$(dirname "$file")" ]; then
            echo "$0: $2 cannot be written to; $template is left out" >&2
            continue
        fi
        [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS-}" ] || echo "$0: $template becomes $file"
        envsubst "$defined" <"$template" >"$file"
    done
}

[ -d "$templates" ] || exit 0
fill_in "$suffix" "$target"
if [ -n "$(find "$templates" -follow -type f -name "*$stream_suffix" -print -quit)" ]; then
    fill_in "$stream_suffix" "$stream_target"
    grep -qE '^[[:space:]]*stream[[:space:]]*\{' /etc/nginx/nginx.conf || {
        sed -i '1i load_module modules/ngx_stream_module.so;' /etc/nginx/nginx.conf
        printf 'stream {\n    include %s/*.conf;\n}\n' "$stream_target" >>/etc/nginx/nginx.conf
    }
fi
