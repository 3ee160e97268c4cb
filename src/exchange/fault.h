/* SPDX-License-Identifier: Apache-2.0
 * FAULT(name): is this known-bad variant (fault.def) switched on? Always 0 but in the simulator (EXCHANGE_FAULTS). */
#ifndef EXCHANGE_FAULT_H
#define EXCHANGE_FAULT_H

enum exchange_fault {
	FAULT_NONE,
#define EXCHANGE_FAULT(name, doc) FAULT_##name,
#include "exchange/fault.def"
#undef EXCHANGE_FAULT
	FAULTS
};

#ifdef EXCHANGE_FAULTS
extern enum exchange_fault exchange_fault;
#define FAULT(name) (exchange_fault == FAULT_##name)
#else
#define FAULT(name) 0
#endif
#endif
