#!/usr/bin/env bash
# The built OHIF viewer out of its npm package (50 MB, so no dependency of the project), for `npm run test:viewer`.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.13.2
target=.cache/ohif-$version
[ -f "$target/dist/index.html" ] && exit 0
mkdir -p "$target"
archive=$(npm pack --silent --pack-destination "$target" "@ohif/app@$version")
tar -xzf "$target/$archive" -C "$target" --strip-components=1 package/dist
rm "$target/$archive"
