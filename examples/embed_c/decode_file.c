/* Decodes a container into a file: decode_file IN.freq OUT
 * cc decode_file.c $(pkg-config --cflags --libs paxect_core) */
#include <inttypes.h>
#include <paxect/core.h>
#include <stdio.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: decode_file IN.freq OUT\n");
    return 64;
  }
  paxect_decoder* decoder = NULL;
  paxect_status status = paxect_decoder_create(NULL, &decoder);
  if (status != PAXECT_OK) {
    fprintf(stderr, "decode_file: %s\n", paxect_status_name(status));
    return paxect_status_exit_code(status);
  }
  paxect_decoder_set_parameter(decoder, PAXECT_PARAM_SYNC, 1); /* durable before decode_path returns */

  status = paxect_decoder_decode_path(decoder, argv[1], argv[2]);
  if (status == PAXECT_OK) {
    paxect_container_info info = {.struct_size = sizeof info};
    paxect_decoder_info(decoder, &info);
    printf("%s: %" PRIu64 " bytes, SHA-256 ", argv[2], info.total_size);
    for (size_t i = 0; i < sizeof info.sha256; ++i) printf("%02x", info.sha256[i]);
    printf("\n");
  } else {
    /* The output does not exist, or has the content that it had before. */
    fprintf(stderr, "%s: %s (byte %" PRIu64 ", frame %" PRIu64 ")\n", argv[1],
            paxect_decoder_error_message(decoder), paxect_decoder_error_offset(decoder),
            paxect_decoder_error_frame(decoder));
  }
  paxect_decoder_free(decoder);
  return paxect_status_exit_code(status);
}
