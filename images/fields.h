/* images/fields.h: decoders that the image record has in common with what it is made of. */
#pragma once
#include "spec/field.h"

decode_fn decode_digest; /* struct digest */
