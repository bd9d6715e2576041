#!/usr/bin/env bash
# Real peers for test:peers and test:viewer, from Debian, PyPI and npm. Run as root.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  dcmtk dicom3tools orthanc orthanc-dicomweb chromium libvulkan1 python3-venv
  # a clock that jumps, for test:faults
  libfaketime
  # what deploy/ is made of
  nginx-light postgresql systemd
  # where the audit trail goes
  rsyslog rsyslog-openssl
  # what test:faults breaks it with
  e2fsprogs iproute2 libeatmydata1 strace
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  # Debian starts them as services where there is a service manager; the tests start their own.
  for started in orthanc nginx postgresql rsyslog; do service "$started" stop >/dev/null 2>&1 || true; done
fi

# pydicom with its decoders, highdicom and dcmqi: what other people's tools read of our results.
python3 -m venv .cache/peers
.cache/peers/bin/pip install --quiet -r test/integration/requirements.txt

# The code that OHIF loads a SEG with. 100 MB, so no dependency of the project.
npm install --prefix .cache/cornerstone --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
  @cornerstonejs/{adapters,core,metadata,tools}@5.14.0 @babel/runtime@8.1.2
