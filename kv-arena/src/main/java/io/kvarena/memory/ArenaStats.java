package io.kvarena.memory;

/**
 * Where every byte of an arena is: slabBytes = pageBytes + freePageBytes + wasteBytes +
 * freeSuperblockBytes.
 *
 * @param maxBytes the limit
 * @param slabs slabs held
 * @param slabBytes bytes of the slabs held
 * @param pages pages in use
 * @param pageBytes bytes of pages in use
 * @param freePageBytes bytes of free pages in superblocks that a pool holds
 * @param wasteBytes bytes at the ends of superblocks that no page fits into
 * @param freeSuperblockBytes bytes of superblocks that no pool holds
 * @param pagesAway pages in use whose bytes are not in the arena but in a tier
 * @param awayBytes their bytes
 * @param mapBytes heap bytes of the page map
 * @param slabsOpened slabs ever taken from the source
 * @param slabsClosed slabs given back so far
 */
public record ArenaStats(
    long maxBytes,
    int slabs,
    long slabBytes,
    long pages,
    long pageBytes,
    long freePageBytes,
    long wasteBytes,
    long freeSuperblockBytes,
    long pagesAway,
    long awayBytes,
    long mapBytes,
    long slabsOpened,
    long slabsClosed) {}
