#pragma once

#include "layout.h"

typedef struct {
    uintptr_t from, to;
} Range;

typedef struct {
    Range constants, structures, buffers;
} Memory;

/* 0, or the number of the check that failed. */
int check_matrix(const Matrix *m, Range constants);
int check_stream(const Stream *s, const Memory *memory);
