#!/bin/sh
# Builds the challenger's page (fraud-prover/page/dist), which the challenger's binary holds. Does nothing where it is newer than its
# source.
set -eu
cd "$(dirname "$0")/../../fraud-prover/page"

built=dist/index.html
[ -f "$built" ] && [ -z "$(find src index.html package-lock.json tsconfig.json vite.config.ts -newer "$built" -print | head -1)" ] && exit 0
npm run --silent build -- --logLevel warn </dev/null
touch "$built"
echo "built the challenger's page"
