// VNNI without AVX-512. Processors with AVX-512 have the same operations under another encoding.
VECTOR256(_mm256_dpbusd_avx_epi32(C256, A256, B256))
VECTOR256(_mm256_dpwssd_avx_epi32(C256, A256, B256))
