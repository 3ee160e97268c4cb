/* SPDX-License-Identifier: Apache-2.0
 * Known-bad variants of exchange, built only into the simulator (EXCHANGE_FAULTS): it must catch each of them. */
#ifndef EXCHANGE_FAULT_H
#define EXCHANGE_FAULT_H

enum exchange_fault {
	FAULT_NONE,
	FAULT_EARLY_RECEIPT,	     /* R1 leaves although its commit failed */
	FAULT_NO_DUPLICATE_CHECK,    /* an opened parcel is opened and applied again */
	FAULT_NO_SIGNATURE,	     /* the outer signature is not looked at */
	FAULT_NO_MANIFEST_SIGNATURE, /* the inner one is not */
	FAULT_LOST_ON_REFUSAL,	     /* a temporary refusal counts as delivered */
	FAULT_NO_RETRY_AFTER_START,  /* what was in flight at a crash is never sent again */
	FAULT_EFFECT_APART,  /* the effect is committed before R2, in a transaction of its own */
	FAULT_REUSED_NUMBER, /* a number is given again after a crash */
	FAULTS
};

#ifdef EXCHANGE_FAULTS
extern enum exchange_fault exchange_fault;
#define FAULT(name) (exchange_fault == FAULT_##name)
#else
#define FAULT(name) 0
#endif
#endif
