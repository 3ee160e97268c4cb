// SPDX-License-Identifier: Apache-2.0
// A case file (docs/format/case.md) by Go's golang.org/x/mod/sumdb/note and sumdb/tlog, with none of our code:
//
//	casecheck FILE WITNESSES GOVERNOR...   vkeys of governors; prints how many notes and entries hold
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type message struct {
	ID       string
	Parcels  []string
	Manifest string
	Parts    []*string
	Receipts []string
}

type entry struct{ Proof, Event, Salt string }

type caseFile struct {
	Type, Node, Request string
	Members, Nodes      []string
	Messages            []message
	Entries             []entry
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(ok bool, format string, args ...interface{}) {
	if !ok {
		must(fmt.Errorf(format, args...))
	}
}

// lines returns the values of a note's lines that have this key.
func lines(text, key string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, key+" ") {
			out = append(out, line[len(key)+1:])
		}
	}
	return out
}

func one(text, key string) string {
	values := lines(text, key)
	check(len(values) == 1, "not one line %q in %q", key, text)
	return values[0]
}

func verifiers(vkeys []string) []note.Verifier {
	var out []note.Verifier
	for _, vkey := range vkeys {
		v, err := note.NewVerifier(vkey)
		must(err)
		out = append(out, v)
	}
	return out
}

func open(signed string, vkeys []string) *note.Note {
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers(vkeys)...))
	must(err)
	return n
}

// cosigner verifies C2SP cosignature/v1 lines.
type cosigner struct {
	name string
	key  ed25519.PublicKey
}

func newCosigner(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	data, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	return cosigner{parts[0], data[1:]}
}

func (c cosigner) Name() string { return c.name }
func (c cosigner) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(c.name+"\n\x04"), c.key...))
	return binary.BigEndian.Uint32(sum[:])
}
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(text), sig[8:])
}

var notes int
var keys = map[string][]string{} // "node it", "evidence it", "audit it": vkeys
var identities = map[string][]string{}

func checkMembers(signed []string, trusted []string) {
	governors, threshold, previous := trusted, 0, ""
	for i, s := range signed {
		n := open(s, governors)
		if i == 0 {
			threshold, _ = strconv.Atoi(one(n.Text, "threshold"))
			for _, sig := range n.Sigs {
				check(strings.Contains(n.Text, "\ngovernor "+sig.Name+"+"), "%s is no governor", sig.Name)
			}
		} else {
			check(one(n.Text, "previous") == previous, "a members note does not follow the one before")
		}
		check(len(n.Sigs) >= threshold, "%d governors have signed, not %d", len(n.Sigs), threshold)
		for _, m := range lines(n.Text, "member") {
			f := strings.Split(m, " ")
			identities[f[0]] = append(identities[f[0]], f[3])
		}
		sum := sha256.Sum256([]byte(n.Text))
		previous = base64.StdEncoding.EncodeToString(sum[:])
		governors = lines(n.Text, "governor")
		threshold, _ = strconv.Atoi(one(n.Text, "threshold"))
		notes++
	}
	check(len(signed) > 0, "no members note")
}

func checkNode(signed string) {
	name := one(strings.SplitN(signed, "\n\n", 2)[0]+"\n", "node")
	n := open(signed, identities[name])
	for _, k := range lines(n.Text, "key") {
		f := strings.Split(k, " ")
		id := f[0] + " " + name
		known := false
		for _, old := range keys[id] {
			known = known || old == f[3]
		}
		if !known {
			keys[id] = append(keys[id], f[3])
		}
	}
	notes++
}

func checkMessage(m message) {
	var from, to, file string
	for _, p := range m.Parcels {
		from = one(strings.SplitN(p, "\n\n", 2)[0], "from")
		n := open(p, keys["node "+from])
		check(one(n.Text, "id") == m.ID, "an outer note is about another message")
		to, file = one(n.Text, "to"), one(n.Text, "sha256")
		notes++
	}
	if m.Manifest != "" {
		n := open(m.Manifest, keys["evidence "+from])
		check(one(n.Text, "from") == from, "the manifest speaks for another agency")
		parts := lines(n.Text, "part")
		check(len(parts) == len(m.Parts), "parts are missing")
		for i, p := range m.Parts {
			if p == nil {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(*p)
			must(err)
			sum := sha256.Sum256(data)
			check(strings.Split(parts[i], " ")[3] == base64.StdEncoding.EncodeToString(sum[:]), "a part was changed")
		}
		notes++
	}
	for _, r := range m.Receipts {
		signer := one(strings.SplitN(r, "\n\n", 2)[0], "from")
		n := open(r, keys["node "+signer])
		check(one(n.Text, "id") == m.ID, "a receipt is about another message")
		if len(lines(n.Text, "receipt")) == 1 {
			check(signer == to && one(n.Text, "sha256") == file, "a receipt is about another file")
		}
		notes++
	}
}

func checkEntry(c caseFile, x entry, witnesses int) {
	parts := strings.SplitN(x.Proof, "\n\n", 2)
	rows := strings.Split(parts[0], "\n")
	check(len(parts) == 2 && len(rows) >= 3 && rows[0] == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(rows[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(rows[2], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, row := range rows[3:] {
		hash, err := tlog.ParseHash(row)
		must(err)
		proof = append(proof, hash)
	}
	n := open(parts[1], keys["audit "+c.Node])
	head := strings.Split(n.Text, "\n")
	check(len(head) == 4 && head[0] == c.Node+"/audit", "a checkpoint of another log")
	size, err := strconv.ParseInt(head[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(head[2])
	must(err)
	must(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(data)))
	check(one(string(data), "seq") == strconv.FormatInt(index, 10), "an entry of another place")
	var known []note.Verifier
	for id, vkeys := range keys {
		for _, vkey := range vkeys {
			if strings.HasPrefix(id, "audit ") && id != "audit "+c.Node {
				known = append(known, newCosigner(vkey))
			}
		}
	}
	if witnesses > 0 {
		n, err = note.Open([]byte(parts[1]), note.VerifierList(known...))
		must(err)
		check(len(n.Sigs) >= witnesses, "%d countersignatures, not %d", len(n.Sigs), witnesses)
	}
	if x.Event != "" {
		salt, err := hex.DecodeString(x.Salt)
		must(err)
		sum := sha256.Sum256(append(salt, x.Event...))
		check(one(string(data), "commit") == base64.StdEncoding.EncodeToString(sum[:]), "an event was changed")
	}
}

func main() {
	var c caseFile
	data, err := os.ReadFile(os.Args[1])
	must(err)
	must(json.NewDecoder(bytes.NewReader(data)).Decode(&c))
	check(c.Type == "lugdunum.network/case/v1", "not a case file")
	witnesses, err := strconv.Atoi(os.Args[2])
	must(err)
	checkMembers(c.Members, os.Args[3:])
	for _, n := range c.Nodes {
		checkNode(n)
	}
	for _, m := range c.Messages {
		checkMessage(m)
	}
	for _, x := range c.Entries {
		checkEntry(c, x, witnesses)
	}
	fmt.Println(notes, len(c.Entries))
}
