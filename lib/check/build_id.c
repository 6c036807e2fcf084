/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/build_id.h"

#include "base/fd.h"

#include <elf.h>
#include <string.h>

#define HEADERS_MAX 256         /* program headers of a file */
#define NOTES_MAX   (64u << 10) /* bytes of one segment of notes */
#define ID_MAX      64          /* bytes of a build id; SHA-1 has 20 */

/* One segment's notes: the bytes of the build id, 0 when there is none. */
static size_t find_note(const uint8_t *notes, size_t len, uint8_t ret[ID_MAX])
{
	size_t at = 0;

	/* Elf32_Nhdr and Elf64_Nhdr are the same. */
	while (len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t name, id;

		memcpy(&n, notes + at, sizeof(n));
		name = at + sizeof(n);
		if (n.n_namesz > len || n.n_descsz > len)
			return 0;
		id = name + ((n.n_namesz + 3u) & ~(size_t)3);
		if (id > len || n.n_descsz > len - id)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == 4 &&
		    memcmp(notes + name, ELF_NOTE_GNU, 4) == 0 && n.n_descsz <= ID_MAX) {
			memcpy(ret, notes + id, n.n_descsz);
			return n.n_descsz;
		}
		at = id + ((n.n_descsz + 3u) & ~(size_t)3);
		if (at > len)
			return 0;
	}
	return 0;
}

static size_t read_segment(struct source *src, uint64_t at, uint64_t len, uint8_t ret[ID_MAX])
{
	_free_ uint8_t *notes = NULL;
	ssize_t n;

	if (len > NOTES_MAX)
		return 0;
	notes = malloc(len + 1);
	n = notes ? source_pread(src, notes, len, at, NULL) : -1;
	return n > 0 ? find_note(notes, (size_t)n, ret) : 0;
}

/* Files of both classes and this host's byte order; CRIU reads no others either. */
static size_t read_id(struct source *src, uint8_t ret[ID_MAX])
{
	union {
		Elf64_Ehdr e64;
		Elf32_Ehdr e32;
	} e = { 0 };
	size_t len = 0;
	bool wide;

	if (source_pread(src, &e, sizeof(e), 0, NULL) < (ssize_t)sizeof(e.e32) ||
	    memcmp(e.e64.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	wide = e.e64.e_ident[EI_CLASS] == ELFCLASS64;
	for (unsigned i = 0; len == 0 && i < (wide ? e.e64.e_phnum : e.e32.e_phnum); i++) {
		union {
			Elf64_Phdr p64;
			Elf32_Phdr p32;
		} p = { 0 };
		const size_t size = wide ? sizeof(p.p64) : sizeof(p.p32);
		const uint64_t at = (wide ? e.e64.e_phoff : e.e32.e_phoff) + i * size;

		if (i == HEADERS_MAX || source_pread(src, &p, size, at, NULL) != (ssize_t)size)
			return 0;
		if (wide && p.p64.p_type == PT_NOTE)
			len = read_segment(src, p.p64.p_offset, p.p64.p_filesz, ret);
		else if (!wide && p.p32.p_type == PT_NOTE)
			len = read_segment(src, p.p32.p_offset, p.p32.p_filesz, ret);
	}
	return len;
}

bool build_id_differs(struct source *src, const uint32_t *want, size_t n)
{
	uint8_t id[ID_MAX + sizeof(uint32_t)] = { 0 };
	const size_t len = src ? read_id(src, id) : 0;

	return len && ((len + 3) / 4 != n || memcmp(id, want, len) != 0);
}
