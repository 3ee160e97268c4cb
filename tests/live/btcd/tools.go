// SPDX-License-Identifier: Apache-2.0
// Pins btcd, a full node that other people wrote, for the suite `live`; conftest.py builds it.

//go:build tools
// +build tools

package tools

import _ "github.com/btcsuite/btcd"
