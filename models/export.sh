#!/usr/bin/env bash
# Makes the shipped model files from models/checkpoints: float first, then 8 bits guarded against it.
#   models/export.sh DATA [NAME...]     DATA holds val/cid22 and eval/ with CBSD68, Kodak24, PolyU-real-noise, Set5, Set14
# Autoencoders, which train in minutes, are made from runs/NAME and have no checkpoint here:
#   nitido train vae-digits --data DATA/digits --out runs/vae-digits
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?expected the folder of data sets}
shift
names=("${@:-}")
[[ -n ${names[0]} ]] || names=(denoise-n denoise-s denoise-m denoise-n-research denoise-s-research denoise-m-research denoise-camera-n denoise-camera-s upscale-x2-n upscale-x2-m upscale-x3-n upscale-x4-n upscale-x4-m)
free="83 desktop photos (CC0, public domain, CC BY, CC BY-SA) and 201 CID22 training references (CC BY-SA 4.0)"
for name in "${names[@]}"; do
    test=()
    note=$free licence=Apache-2.0
    case $name in
        *-digits)
            test=(--eval "$data/digits/t10k-images-idx3-ubyte.gz" --data-note "MNIST training set (CC BY-SA 3.0)") ;;
        vae-melody) test=(--data-note "Ryan's Mammoth Collection (1883), O'Neill's Music of Ireland (1903) and Aird's Airs (1782-1803), public domain, as music21 has them") ;;
        vae-emoji) test=(--data-note "the bitmaps of Noto Color Emoji (SIL OFL 1.1), a tenth held out") ;;
    esac
    if [[ ${#test[@]} -gt 0 ]]; then
        nitido export "runs/$name" -o "models/$name.onnx" "${test[@]}"
        continue
    fi
    case $name in
        denoise-camera-*)
            sets=(PolyU-real-noise)
            failures="strong noise that is the same at all brightnesses and not shared between neighbours (denoise-${name##*-} is better there)" ;;
        *-research)
            note="$free, and the 400 pictures of BSDS500 outside CBSD68 (non-commercial research only)"
            licence="for non-commercial research only, as part of the training pictures" ;;&
        denoise-*)
            sets=(CBSD68 Kodak24)
            failures="noise that neighbouring pixels share, as from a dark camera (denoise-camera-n is better there); fine regular texture at strong noise is smoothed" ;;
        upscale-*)
            sets=(Set5 Set14)
            failures="pictures shrunk without a low-pass filter (OpenCV's INTER_CUBIC): no better than bicubic there; noise and JPEG blocks are enlarged with the rest" ;;
    esac
    common=(--licence "$licence" --data-note "$note" --failures "$failures" --vectors samples)
    for set in "${sets[@]}"; do common+=(--eval "$data/eval/$set"); done
    nitido export "models/checkpoints/$name.pt" -o "models/$name.onnx" "${common[@]}"
    nitido export "models/checkpoints/$name.pt" -o "models/$name.int8.onnx" "${common[@]}" --int8 --against "models/$name.onnx" \
        --calib "$data/val/cid22"
done
