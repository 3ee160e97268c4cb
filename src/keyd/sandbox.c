/* SPDX-License-Identifier: Apache-2.0
 * The walls around lug-keyd: what it may still ask of the kernel once it holds keys. */
#include "keyd/server.h"
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Files of the key folder, memory, its connections, clock and randomness. No socket(2), execve(2), clone(2), ptrace(2). Memory is
 * never made executable: what was linked at the start is all that runs. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(openat),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
	SCMP_SYS(fsync),
	SCMP_SYS(fchmod),
	SCMP_SYS(flock),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(brk),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static int add_rules(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
			return -1;
	static const int mapping[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	for (size_t i = 0; i < ARRAY_LEN(mapping); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, mapping[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) < 0)
			return -1;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static int load_filter(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return err_set(e, ERR_NOMEM, "seccomp", NULL);
	int r = add_rules(filter) < 0 || seccomp_load(filter) < 0
			? err_set(e, ERR_PERM, "seccomp",
				  "The kernel refused the system call filter; it must support seccomp.")
			: 0;
	seccomp_release(filter);
	return r;
}

int keyd_sandbox(struct err *e)
{
	const struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, ERR_PERM, "sandbox", "Cannot forbid core dumps: %s",
			       strerror(errno));
	return load_filter(e);
}
