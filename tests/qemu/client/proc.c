// SPDX-License-Identifier: GPL-2.0
#include "proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

void file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t got, all = 0;

	if (fd < 0)
		fail("%s: %m", path);
	while ((got = read(fd, text + all, size - 1 - all)) > 0)
		all += got;
	check(got == 0);
	text[all] = '\0';
	close(fd);
}

void proc_text(int family, char *text, size_t size)
{
	file_read(family == AF_INET ? "/proc/thread-self/net/ip_queue" : "/proc/thread-self/net/ip6_queue",
		  text, size);
}

long proc_value(int family, const char *label)
{
	char text[1024], *line;

	proc_text(family, text, sizeof(text));
	line = strstr(text, label);
	if (!line || !strchr(line, ':'))
		fail("no line '%s' in:\n%s", label, text);
	return strtol(strchr(line, ':') + 1, NULL, 10);
}

long proc_length(int family)
{
	return proc_value(family, "Queue length");
}
