// SPDX-License-Identifier: Apache-2.0
// What a page gains from scripts; all of it works without. Live parts, clocks, keys, the ring of an urgent request.
import { live } from "./live";
import { clocks } from "./clocks";
import { keys } from "./keys";
import { ring } from "./ring";
import { forms } from "./forms";
import { webauthn } from "./webauthn";

clocks();
keys();
ring();
forms();
webauthn();
live();
