# SPDX-License-Identifier: GPL-2.0
# For scenarios written in shell: a step is a line of the transcript, and the first that is not so ends it.

# step TITLE COMMAND...: the command must succeed.
step()
{
	title=$1
	shift
	if "$@"; then
		echo "  ok: $title"
	else
		echo "  FAIL: $title: $*"
		exit 1
	fi
}

# refused TEXT COMMAND...: the command must fail and say TEXT.
refused()
{
	text=$1
	shift
	if said=$("$@" 2>&1); then
		echo "not refused: $*"
		return 1
	fi
	case $said in
	*"$text"*) ;;
	*) echo "said '$said', expected '$text'"; return 1 ;;
	esac
}

# patiently COMMAND...: the command must succeed within some seconds; for what ends after a grace period.
patiently()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$@" 2>/dev/null && return 0
		sleep 0.5
	done
	"$@"
}

# kernel_said TEXT: the kernel's log has it since the scenario began.
kernel_said()
{
	dmesg | sed -n "/ipqueue-test: start $(basename "$0" .sh)/,\$p" | grep -q "$1"
}
