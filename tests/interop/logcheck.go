// SPDX-License-Identifier: Apache-2.0
// An audit log by Go's golang.org/x/mod/sumdb/note and sumdb/tlog, with none of our code:
//
//	logcheck log DIR VKEY [OLD-CHECKPOINT...]  checkpoint, every tile, every entry with its inclusion proof, growth from each
//	                                           old checkpoint; prints the number of entries
//	logcheck proof VKEY                        a C2SP tlog-proof from standard input; prints the entry
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fail(format string, args ...interface{}) {
	must(fmt.Errorf(format, args...))
}

// openCheckpoint verifies a signed checkpoint and returns its tree.
func openCheckpoint(signed []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	n, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		fail("not a checkpoint of %s: %q", verifier.Name(), n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// tiles reads C2SP tlog-tiles, whose paths are Go's without the height.
type tiles struct{ dir string }

func (t tiles) Height() int                         { return height }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range want {
		data, err := t.read(tile)
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s is too short", tile.Path())
		}
		out = append(out, data[:tile.W*tlog.HashSize])
	}
	return out, nil
}

func (t tiles) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(t.dir, path))
	if errors.Is(err, os.ErrNotExist) && tile.W < 1<<height {
		tile.W = 1 << height
		return t.read(tile)
	}
	return data, err
}

// entries returns the entries of one bundle.
func (t tiles) entries(n int64, width int) [][]byte {
	data, err := t.read(tlog.Tile{H: height, L: -1, N: n, W: width})
	must(err)
	var out [][]byte
	for len(out) < width {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			fail("bundle %d ends after %d of %d entries", n, len(out), width)
		}
		size := 2 + int(binary.BigEndian.Uint16(data))
		out = append(out, data[2:size])
		data = data[size:]
	}
	if len(data) > 0 && width == 1<<height {
		fail("bundle %d goes on after its last entry", n)
	}
	return out
}

func checkEntries(tree tlog.Tree, t tiles, hashes tlog.HashReader) {
	var seen int64
	for n := int64(0); n<<height < tree.N; n++ {
		width := tree.N - n<<height
		if width > 1<<height {
			width = 1 << height
		}
		for _, entry := range t.entries(n, int(width)) {
			proof, err := tlog.ProveRecord(tree.N, seen, hashes)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, seen, tlog.RecordHash(entry)))
			if !strings.Contains(string(entry), fmt.Sprintf("\nseq %d\n", seen)) {
				fail("entry %d does not carry its number", seen)
			}
			seen++
		}
	}
	fmt.Println(seen)
}

func checkLog(dir, vkey string, old []string) {
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	tree := openCheckpoint(signed, vkey)
	t := tiles{dir}
	hashes := tlog.TileHashReader(tree, t)
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err)
	if root != tree.Hash {
		fail("the tiles lead to another root")
	}
	for _, path := range old {
		signed, err := os.ReadFile(path)
		must(err)
		before := openCheckpoint(signed, vkey)
		proof, err := tlog.ProveTree(tree.N, before.N, hashes)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
	}
	checkEntries(tree, t, hashes)
}

func checkProof(vkey string) {
	text, err := io.ReadAll(os.Stdin)
	must(err)
	parts := strings.SplitN(string(text), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a tlog-proof")
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		must(err)
		proof = append(proof, hash)
	}
	tree := openCheckpoint([]byte(parts[1]), vkey)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	os.Stdout.Write(entry)
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "proof" {
		checkProof(os.Args[2])
	} else if len(os.Args) >= 4 && os.Args[1] == "log" {
		checkLog(os.Args[2], os.Args[3], os.Args[4:])
	} else {
		fail("usage: logcheck log DIR VKEY [OLD-CHECKPOINT...] | logcheck proof VKEY")
	}
}
