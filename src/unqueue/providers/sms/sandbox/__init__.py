"""A stand-in for the SMS networks: Aliyun's, Tencent's and Twilio's HTTP with their signatures, and a phone to read."""
