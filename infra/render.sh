#!/bin/sh
# Puts the names of one installation into values and manifests: sh infra/render.sh OUT, with PROJECT, REGION, DOMAIN and
# DIGEST (of the image, with or without sha256:) in the environment. Nothing secret is among them.
set -eu
out=$1
: "${PROJECT:?}" "${REGION:?}" "${DOMAIN:?}" "${DIGEST:?}"
digest=${DIGEST#sha256:}
expr "$digest" : '[0-9a-f]\{64\}$' >/dev/null || { echo "DIGEST is not the sha256 of an image: $DIGEST" >&2; exit 1; }
mkdir -p "$out"
from=$(dirname "$0")
for file in gateway/values.yaml hub/values.yaml prefect/server-values.yaml prefect/worker-values.yaml \
    prefect/base-job-template.json kubernetes/namespace.yaml kubernetes/accounts.yaml kubernetes/network.yaml \
    kubernetes/pages.yaml config/monthly.yaml; do
    mkdir -p "$out/$(dirname "$file")"
    sed -e "s|\${PROJECT}|$PROJECT|g" -e "s|\${REGION}|$REGION|g" -e "s|\${DOMAIN}|$DOMAIN|g" \
        -e "s|\${DIGEST}|$digest|g" "$from/$file" >"$out/$file"
done
