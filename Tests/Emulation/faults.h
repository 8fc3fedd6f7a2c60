#ifndef VQ_FAULTS_H
#define VQ_FAULTS_H

#include <stdbool.h>

bool vq_tiles_are_configured(void);

#endif
