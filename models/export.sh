#!/usr/bin/env bash
# Makes the shipped model files from models/checkpoints: float first, then 8 bits guarded against it.
#   models/export.sh DATA [NAME...]     DATA holds eval/{CBSD68,Kodak24,Set5,Set14} and val/cid22, see docs/training-log.md
# Autoencoders, which train in minutes, are made from runs/NAME and have no checkpoint here:
#   nitido train vae-digits --data DATA/digits --out runs/vae-digits
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?expected the folder of data sets}
shift
names=("${@:-}")
[[ -n ${names[0]} ]] || names=(denoise-n upscale-x2-n)
note="83 desktop photos (CC0, public domain, CC BY, CC BY-SA) and 201 CID22 training references (CC BY-SA 4.0)"
for name in "${names[@]}"; do
    test=()
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
    # denoise-n keeps every layer in 8 bits for a little over the usual tenth of a decibel: docs/training-log.md.
    drop=0.1
    [[ $name == denoise-n ]] && drop=0.11
    case $name in
        denoise-*) sets=(CBSD68 Kodak24) ;;
        upscale-*) sets=(Set5 Set14) ;;
    esac
    common=(--data-note "$note" --vectors samples)
    for set in "${sets[@]}"; do common+=(--eval "$data/eval/$set"); done
    nitido export "models/checkpoints/$name.pt" -o "models/$name.onnx" "${common[@]}"
    # Trained for 8 bits where that was needed, else quantized as it is.
    quantized=models/checkpoints/$name.qat.pt
    [[ -f $quantized ]] || quantized=models/checkpoints/$name.pt
    nitido export "$quantized" -o "models/$name.int8.onnx" "${common[@]}" --int8 --against "models/$name.onnx" \
        --calib "$data/val/cid22" --max-drop "$drop"
done
