// SPDX-License-Identifier: Apache-2.0
// Notes by Go's golang.org/x/mod/sumdb/note: notecheck verify VKEY... (names of the signers to standard output),
// notecheck sign SKEY (signed note to standard output); the note or its text comes from standard input.
package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	msg, err := io.ReadAll(os.Stdin)
	must(err)
	if os.Args[1] == "sign" {
		signer, err := note.NewSigner(os.Args[2])
		must(err)
		signed, err := note.Sign(&note.Note{Text: string(msg)}, signer)
		must(err)
		os.Stdout.Write(signed)
		return
	}
	var verifiers []note.Verifier
	for _, vkey := range os.Args[2:] {
		v, err := note.NewVerifier(vkey)
		must(err)
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(msg, note.VerifierList(verifiers...))
	must(err)
	for _, sig := range n.Sigs {
		fmt.Println(sig.Name)
	}
}
