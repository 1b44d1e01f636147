#!/usr/bin/env bash
# dtc 1.6.1 (Debian 12) and dt-validate 2026.9 (dtschema, PyPI) say nothing of an iommu-map that leads nowhere.
#
# Seen: a PCIe host bridge whose iommu-map entry has 3 cells where 4 are due (rid-base, iommu, iommu-base, length) and
# names a GPIO controller, which has no #iommu-cells, compiles without a word and validates without a word. The same
# mistake in `iommus` of the node beside it is a warning (iommus_property). msi-map is as unchecked.
# What follows on such a board: devices behind the bridge have no IOMMU, or the wrong StreamID, and nothing said so.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
apt-get -qq -o APT::Sandbox::User=root download device-tree-compiler=1.6.1-4+b1 libfdt1=1.6.1-4+b1
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv env
env/bin/pip install -q dtschema==2026.9
cat >board.dts <<'DTS'
/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	compatible = "example,board";
	model = "A board";
	gpio: gpio@80000 { reg = <0 0x80000 0 0x1000>; };
	dma@90000 { reg = <0 0x90000 0 0x1000>; iommus = <&gpio 5>; };
	pcie@a0000 {
		compatible = "pci-host-ecam-generic";
		device_type = "pci";
		reg = <0 0xa0000 0 0x10000>;
		#address-cells = <3>;
		#size-cells = <2>;
		bus-range = <0 255>;
		ranges = <0x02000000 0 0x10000000 0 0x10000000 0 0x10000000>;
		iommu-map = <0x0 &gpio 0x0>;
		msi-map = <0x0 &gpio 0x0>;
	};
};
DTS
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libfdt.so.1' | head -n 1)") \
  root/usr/bin/dtc -I dts -O dtb -o board.dtb board.dts 2>dtc.out
grep -q 'iommus_property' dtc.out
sed 's/^/dtc: /' dtc.out
PATH="$dir/env/bin:$PATH" env/bin/dt-validate board.dtb >validate.out 2>&1 || true
sed 's/^/dt-validate: /' validate.out
! grep -hE 'iommu-map|msi-map' dtc.out validate.out
echo "neither names iommu-map or msi-map: still so in dtc 1.6.1 and dtschema 2026.9"
